/** Statements of one connection, prepared once as PostgREST prepares them. */
import type { Session } from "./connections.ts";
import { literal } from "./sql_text.ts";

export interface Statement {
  /** What tells it apart from the others of a role: cheaper to make than its text. */
  id: string;
  /** With `$1`, `$2`, … where its values stand. */
  text(): string;
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
  let message = "";
  for (const statement of statements) {
    const key = `${role} ${statement.id}`;
    let name = prepared.get(key);
    if (name === undefined) {
      name = `statement_${prepared.size}`;
      await unsafe(`${message}prepare ${name} as ${statement.text()}`);
      prepared.set(key, name);
    }
    message += `execute ${name}${given(statement.values)};`;
  }
  return await unsafe(message) as unknown as unknown[];
}

function given(values: string[]): string {
  if (values.length === 0) return "";
  let list = literal(values[0]!);
  for (let index = 1; index < values.length; index++) list += `, ${literal(values[index]!)}`;
  return `(${list})`;
}

/** A statement with its values in it. */
export function withValues({ text, values }: Statement): string {
  return text().replace(/\$([0-9]+)/g, (_, index) => literal(values[index - 1]!));
}
