/** Text as one word of a POSIX shell: as it is where it is plain, else in single quotes. */
export function shellQuoted(text: string): string {
  if (/^[\w@%+:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
