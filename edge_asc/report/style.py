"""How a report looks: light and dark, wide, on a phone and on paper."""

CSS = """
:root {
  --bg: #f1f4f7; --card: #fff; --text: #15202b; --muted: #556372; --line: #d9e0e7;
  --accent: #0b6697; --good: #136c41; --bad: #b3261e;
  --c0: #0b6697; --c1: #c2571a; --c2: #3d7a3d; --c3: #8a5aa8; --c4: #8a95a1; --c5: #b08900;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #0b0f14; --card: #131920; --text: #e7edf3; --muted: #95a3b2; --line: #252f3a;
    --accent: #3d9bd1; --good: #57c993; --bad: #ff8f85;
    --c0: #62bdf0; --c1: #f0a060; --c2: #7cc97c; --c3: #c39be0; --c4: #6f7b88; --c5: #e0c050;
  }
}
*, ::before, ::after { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 0 clamp(.6rem, 2.5vw, 1.75rem) 2rem;
  background: var(--bg); color: var(--text); font: 1rem/1.45 system-ui, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
h1 { margin: 1rem 0 0; font-size: 1.5rem; }
h2 { margin: 0 0 .6rem; font-size: 1.05rem; }
h3 { margin: 1rem 0 .4rem; font-size: .9rem; }
p { margin: .2rem 0 .6rem; }
code { font-size: .875em; }
.muted, figcaption { color: var(--muted); font-size: .875rem; }
section {
  margin: .9rem 0; padding: .9rem 1.1rem 1.1rem;
  border: 1px solid var(--line); border-radius: .8rem; background: var(--card);
}
.numbers { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .8rem 0; }
.numbers b { display: block; font-size: 1.6rem; line-height: 1.2; }
.numbers span { color: var(--muted); font-size: .875rem; }
.row { --least: 17rem; display: grid; gap: 1rem; }
.row { grid-template-columns: repeat(auto-fit, minmax(min(var(--least), 100%), 1fr)); }
.wide { --least: 29rem; }
.widest { --least: 100%; }
.row > *, figure { min-width: 0; margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; overflow-wrap: normal; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
td { white-space: nowrap; }
th[scope="row"], thead th:first-child { text-align: left; font-weight: 500; }
.plain { overflow-wrap: anywhere; }
.plain td { text-align: left; white-space: normal; }
.plain th { white-space: nowrap; vertical-align: top; }
.share { background: color-mix(in srgb, var(--accent) calc(var(--p) * 55%), transparent); }
.confusion { font-size: .75rem; }
.confusion th, .confusion td { padding: .15rem .3rem; border: 0; }
.confusion td { min-width: 1.6rem; text-align: center; }
.confusion thead th {
  writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; font-weight: 500;
}
.confusion .right { outline: 1px solid var(--line); outline-offset: -1px; }
.many { font-size: .65rem; }
.many th, .many td { padding: 0 .1rem; line-height: 1.25; }
.many td { min-width: .9rem; }
.good { color: var(--good); }
.bad { color: var(--bad); font-weight: 600; }
svg { display: block; width: 100%; height: auto; color: var(--muted); }
svg text { fill: currentColor; font-size: 11px; }
svg .title { fill: var(--text); font-size: 13px; font-weight: 600; }
svg.bytes { height: 1.6rem; margin-bottom: .5rem; }
.key { display: inline-block; width: .7rem; height: .7rem; margin-right: .5rem; }
svg .grid { stroke: var(--line); }
img {
  display: block; width: 100%; min-width: 44rem; height: auto;
  background: #fff; border-radius: .4rem;
}
summary { cursor: pointer; font-weight: 600; font-size: .9rem; }
@media (max-width: 30rem) {
  section { padding: .7rem; }
  th, td { padding: .2rem .4rem; }
  .confusion th, .confusion td { padding: .1rem .15rem; min-width: 1.35rem; }
}
@media print {
  :root { --bg: #fff; --card: #fff; --text: #000; --muted: #444; --line: #bbb; }
  body { max-width: none; font-size: 9.5pt; print-color-adjust: exact; }
  section { padding: 0; border: 0; }
  figure, table, svg, details { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  img { min-width: 0; }
  .scroll { overflow: visible; }
}
"""
