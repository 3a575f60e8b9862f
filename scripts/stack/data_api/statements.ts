/** Statements of one connection, prepared once as PostgREST prepares them. */
import type { Session } from "./connections.ts";
import { literal } from "./sql_text.ts";

export interface Statement {
  /** With `$1`, `$2`, … where its values stand. */
  text: string;
  values: string[];
}

/**
 * Runs statements in one message, which Postgres runs in one transaction. What this connection has not
 * prepared yet is prepared before, in a message of its own behind the statements before it.
 *
 * @param role who they run as: a plan may have functions in it that another role may not execute
 * @returns what each has come to
 * @throws as Session.unsafe does
 */
export async function runPrepared(
  { unsafe, prepared }: Session,
  role: string,
  statements: Statement[],
): Promise<unknown[]> {
  const executions: string[] = [];
  for (const { text, values } of statements) {
    const key = `${role} ${text}`;
    let name = prepared.get(key);
    if (name === undefined) {
      name = `statement_${prepared.size}`;
      await unsafe([...executions, `prepare ${name} as ${text}`].join("; "));
      prepared.set(key, name);
    }
    const given = values.length > 0 ? `(${values.map(literal).join(", ")})` : "";
    executions.push(`execute ${name}${given}`);
  }
  return await unsafe(executions.join("; ")) as unknown as unknown[];
}

/** A statement with its values in it. */
export function withValues({ text, values }: Statement): string {
  return text.replace(/\$([0-9]+)/g, (_, index) => literal(values[index - 1]!));
}
