/** A stack for tests of what uses one. */
import { type Stack, type StackOptions, startStack } from "./start_stack.ts";

/**
 * Starts one that is deleted at the end. It begins as a copy of what STACK_TEMPLATE names, where the
 * test command has set it: to make a new one takes five seconds of work.
 */
export async function startTestStack(options: Partial<StackOptions> = {}): Promise<Stack> {
  const template = Deno.env.get("STACK_TEMPLATE");
  return await startStack({ port: 0, dbPort: 0, ephemeral: true, template, ...options });
}
