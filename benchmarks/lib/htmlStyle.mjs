/** Style of the report, in the colours of a light or a dark page. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1c2330; --soft: #5b6677; --line: #dfe3ea; --grid: #e9ecf1;
  --n1: #2f62c9; --n2: #12899a; --n4: #1f8a4c; --n8: #a07800; --n16: #c9620c; --n32: #bf3434;
  --dense: #4a6fb5; --sparse: #1f8a4c; --ours: #8a63b8; --stock: #8d97a6; --bad: #c22f2f; --roof: #c9620c;
  --heat: 31, 138, 76; --cold: 194, 47, 47;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161d; --card: #1a202a; --ink: #e6eaf1; --soft: #9aa6b8; --line: #303947; --grid: #262e3a;
    --n1: #7aa6ff; --n2: #4ccbd9; --n4: #5fd08d; --n8: #e0bd4a; --n16: #ffa45c; --n32: #ff7f78;
    --dense: #7d9fe0; --sparse: #57c285; --ours: #b896e6; --stock: #7d8899; --bad: #ff7f78; --roof: #ffa45c;
    --heat: 87, 194, 133; --cold: 255, 127, 120;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 44px 0 4px; }
h3 { font-size: 15px; margin: 0 0 2px; }
p { margin: 4px 0 12px; max-width: 84ch; }
.soft, figcaption, caption { color: var(--soft); }
figcaption, caption { font-size: 13px; text-align: left; }
code { font: 12.5px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 12px 0 0; font-size: 13.5px; }
.facts div { display: flex; gap: 7px; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin: 12px 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(500px, 100%), 1fr)); gap: 14px; }
.pair .card { margin: 0; }
figure { margin: 0; }
.wide { overflow-x: auto; }
svg { display: block; width: 100%; height: auto; }
.bars { min-width: 960px; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .bad { fill: var(--bad); }
svg .grid { stroke: var(--grid); }
svg .axis { stroke: var(--line); }
svg .peer { stroke: var(--soft); stroke-dasharray: 5 4; stroke-width: 1.5; }
svg .roof { stroke: var(--roof); stroke-dasharray: 3 3; }
svg .mark { stroke: var(--ink); stroke-width: 1.6; }
svg .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
svg .dot { fill: var(--c); stroke: var(--card); stroke-width: 1.5; }
svg .bar { fill: var(--c); }
svg .lead { stroke: var(--c); opacity: 0.5; }
svg .tinted { fill: var(--c); font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; padding-top: 10px; }
th, td { padding: 4px 9px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); }
thead th { border-bottom: 2px solid var(--line); }
.left, tbody th { text-align: left; }
tbody th { color: var(--ink); font-weight: 500; vertical-align: top; }
tbody tr:first-child th, tbody + tbody tr:first-child > * { border-top: 1px solid var(--line); }
.ratio { background: rgba(var(--heat), var(--a)); }
.slow { background: rgba(var(--cold), 0.22); color: var(--bad); font-weight: 600; }
small { color: var(--soft); font-size: 11.5px; }
.slow small { color: inherit; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 6px 0 8px; }
.legend span::before { content: ''; display: inline-block; width: 11px; height: 11px; border-radius: 2px; background: var(--c);
  margin-right: 6px; vertical-align: -1px; }
.legend .tick::before { width: 2px; border-radius: 0; height: 13px; vertical-align: -2px; }
summary { cursor: pointer; font-weight: 600; }
details > :nth-child(2) { margin-top: 10px; }
`;
