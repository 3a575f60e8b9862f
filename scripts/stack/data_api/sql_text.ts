/**
 * Values and names within a text of SQL. Several statements travel in one message only as text: the
 * protocol's messages with parameters carry one statement each.
 */

/**
 * A string literal, for sessions whose `standard_conforming_strings` is on.
 *
 * @throws {TypeError} for a NUL, which Postgres has in no string and which would end the message
 */
export function literal(value: string): string {
  if (value.includes("\0")) throw new TypeError("a string for Postgres holds the character NUL");
  return `'${value.replaceAll("'", "''")}'`;
}

/** A quoted identifier, e.g. of a column; throws as {@link literal} does. */
export function identifier(name: string): string {
  if (name.includes("\0")) throw new TypeError("a name for Postgres holds the character NUL");
  return `"${name.replaceAll('"', '""')}"`;
}
