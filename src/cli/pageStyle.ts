/** Style of the page, in the colours of a light or a dark one. */
export const STYLE = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1c2330; --soft: #5b6677; --line: #dfe3ea; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12161d; --card: #1a202a; --ink: #e6eaf1; --soft: #9aa6b8; --line: #303947; }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 4px; }
h3 { font-size: 14px; margin: 0 0 8px; overflow-wrap: anywhere; }
p { margin: 4px 0 12px; max-width: 84ch; }
.soft, figcaption { color: var(--soft); }
figcaption { font-size: 13px; margin-top: 8px; }
figure { margin: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; margin: 12px 0; }
.wide { overflow-x: auto; }
.pair { display: flex; flex-wrap: wrap; gap: 16px; }
.map { min-width: 0; overflow: auto; border: 1px solid var(--line); }
img { display: block; image-rendering: pixelated; }
@media (prefers-color-scheme: dark) { img { filter: brightness(1.7); } }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 9px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
.left { text-align: left; }
`;
