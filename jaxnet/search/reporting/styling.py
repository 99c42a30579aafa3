"""How the report of a sweep looks: on a phone, on a desk, in the dark, on paper."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #fdfdfb; --ink: #1c1c1c; --soft: #5c5c5c; --line: #dddddd; --box: #f3f3ef;
  --good: #00664b; --warn: #a34400;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #17181a; --ink: #e8e6e1; --soft: #a5a39d; --line: #3a3b3e; --box: #222326;
    --good: #4fc9a4; --warn: #f0a060;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: break-word;
}
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1.1rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 0 0 .3rem; }
section { border-top: 1px solid var(--line); margin-top: 1.6rem; padding-top: 1.2rem; }
p { margin: .35rem 0; }
.short { font-weight: 600; color: var(--good); }
.short.warns { color: var(--warn); }
.short.warns::before { content: "! "; }
header p { color: var(--soft); }
header dl { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0 0; }
header div {
  background: var(--box); border-radius: 8px; padding: .6rem .9rem; flex: 1 1 7rem;
}
dd { margin: 0; font-size: 1.35rem; font-weight: 600; line-height: 1.3; }
dt { font-size: .85rem; color: var(--soft); }
dd, table { font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; white-space: nowrap; }
th, td {
  padding: .3rem .5rem; text-align: right; border-bottom: 1px solid var(--line);
}
th { color: var(--soft); font-weight: 600; }
th:last-child, td:last-child { text-align: left; }
tbody tr:first-child { background: var(--box); font-weight: 600; }
pre, code { font: .88rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre {
  background: var(--box); border-radius: 8px; padding: .8rem 1rem; margin: .6rem 0 0;
  white-space: pre-wrap;
}
figure { margin: .6rem 0 0; }
figure .wide { background: #ffffff; border-radius: 8px; padding: .5rem; }
img { display: block; width: 100%; min-width: 34rem; height: auto; }
@media print {
  :root {
    --page: #ffffff; --ink: #000000; --soft: #444444; --line: #cccccc; --box: #f3f3f3;
    --good: #00664b; --warn: #a34400;
  }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  section { break-inside: avoid; }
  table { font-size: 7.5pt; }
  img { min-width: 0; }
  figure .wide { padding: 0; }
}
"""
