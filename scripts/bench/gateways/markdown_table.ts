/** Tables as Markdown, which a terminal shows as well. */

/** What a column says of a row. */
export interface Column<Row> {
  title: string;
  of: (row: Row) => string;
}

/** A table whose first column is a text, and whose others are figures. */
export function markdownTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ of }) => of(row))),
  ];
  const widths = columns.map((_, column) =>
    Math.max(3, ...cells.map((line) => line[column]!.length))
  );
  const line = (parts: string[]) => `| ${parts.join(" | ")} |`;
  const [header, ...body] = cells.map((parts) =>
    line(
      parts.map((part, column) =>
        column === 0 ? part.padEnd(widths[0]!) : part.padStart(widths[column]!)
      ),
    )
  );
  const rule = line(
    widths.map((width, column) => column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`),
  );
  return [header, rule, ...body].join("\n");
}

/** A number with so many digits behind the point, thousands apart; what is none: a dash. */
export function figure(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = value.toFixed(digits);
  // A zero has no sign.
  return (Number(text) === 0 ? text.replace("-", "") : text).replace(
    /\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g,
    " ",
  );
}
