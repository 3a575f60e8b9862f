/** How the page looks: light, dark, on a phone, on paper. */
import { seriesProperties } from "./palette.ts";

const LIGHT =
  `color-scheme: light; --page: #ffffff; --ink: #1c1f23; --muted: #59616b; --rule: #dde1e6;
  --card: #f6f7f9; --bar: #0072b2; --warn: #b04a00; ${seriesProperties("light")}`;
const DARK =
  `color-scheme: dark; --page: #15181c; --ink: #e8eaed; --muted: #a7afb9; --rule: #353b43;
  --card: #1e2227; --bar: #4ba6dc; --warn: #f39a5a; ${seriesProperties("dark")}`;

export const STYLE = `
:root { ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 58rem; padding: 1.5rem 1.25rem 3rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p, li { margin: .25rem 0; }
.muted, .note { color: var(--muted); font-size: .875rem; }
.cards { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .75rem;
  margin: 1.25rem 0; padding: 0; list-style: none; }
.cards li { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .6rem .8rem; margin: 0; }
.cards b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
.chart svg { display: block; width: 100%; height: auto; }
.chart.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; padding: 0; margin: .25rem 0; list-style: none;
  font-size: .875rem; }
.legend li { display: flex; align-items: center; gap: .4rem; margin: 0; }
.legend svg { flex: none; }
.wide-table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); }
th, td { text-align: right; padding: .35rem .5rem; border-bottom: 1px solid var(--rule); vertical-align: top;
  white-space: nowrap; overflow-wrap: normal; }
th { color: var(--muted); font-weight: 600; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 9rem;
  padding-left: 0; }
td.did { font-family: ui-monospace, monospace; font-size: .8125rem; }
.meter { display: block; position: relative; width: 100%; min-width: 5rem; height: .55rem; margin-top: .3rem;
  background: var(--rule); border-radius: 3px; overflow: hidden; }
.meter i { display: block; height: 100%; background: var(--bar); }
.meter i.over { background: repeating-linear-gradient(135deg, var(--warn) 0 6px, var(--page) 6px 8px); }
.over-text { color: var(--warn); font-weight: 600; }
details { margin: .25rem 0 0; }
summary { color: var(--muted); font-size: .875rem; cursor: pointer; }
@media (max-width: 40rem) {
  body { padding: 1rem .75rem 2rem; font-size: 15px; }
  .chart.wide { display: none; } .chart.narrow { display: block; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .cards b { font-size: 1.1rem; }
  /* A row is a block of its own, and each figure says what it is. */
  .wide-table { overflow: visible; }
  table, tbody { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: grid; grid-template-columns: 1fr 1fr; column-gap: 1.25rem; padding: .5rem 0;
    border-bottom: 1px solid var(--rule); }
  td { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: .5rem; border: 0;
    padding: .1rem 0; white-space: normal; }
  td::before { content: attr(data-label); color: var(--muted); }
  .meter { margin-bottom: .35rem; }
  td:first-child { display: block; grid-column: 1 / -1; font-weight: 600; }
  td:first-child::before { content: none; }
}
@media print {
  :root { ${LIGHT} }
  body { max-width: none; padding: 0; font-size: 11pt; }
  h2 { break-after: avoid; } .chart, .legend, table, .cards li { break-inside: avoid; }
  .chart.wide { display: block; } .chart.narrow, details { display: none; }
  .wide-table { overflow: visible; }
  .meter, .chart svg, .cards li { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
