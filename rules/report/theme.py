"""How the report looks: its style sheet, in light and dark, on a wide and on a narrow screen, and on paper."""

CSS = """
:root {
  color-scheme: light dark; --paper: #fdfdfb; --card: #fff; --ink: #23262b; --soft: #666d76; --line: #e4e5e1;
  --grid: #eceeea; --good: #2b7d54; --bad: #b4442f; --c1: #2f6690; --c2: #d07a2c; --c3: #3a8a63; --c4: #8c5a9e;
  --c5: #b8475a; --c6: #6b7280;
}
@media(prefers-color-scheme:dark) {
  :root {
    --paper: #15171a; --card: #1b1e22; --ink: #dfe1e4; --soft: #959ca6; --line: #2d3137; --grid: #272b30; --good: #62c08f;
    --bad: #ef8a72; --c1: #7db4de; --c2: #eea35b; --c3: #6cc598; --c4: #c49ad6; --c5: #ec8796; --c6: #a2a9b4;
  }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 58rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem }
h1 { font-size: 1.7rem; font-weight: 650; line-height: 1.25; letter-spacing: -.015em; margin: 0; overflow-wrap: anywhere }
h2 {
  font-size: 1.2rem; font-weight: 650; letter-spacing: -.01em; margin: 3.5rem 0 .9rem; padding-top: 1.1rem;
  border-top: 1px solid var(--line);
}
h3 { font-size: 1rem; font-weight: 650; margin: 1.8rem 0 .4rem }
p { margin: .5rem 0 .8rem; max-width: 44rem }
a { color: var(--c1); text-decoration: none }
a:hover { text-decoration: underline }
.soft, .under, .tx, .ty, .tu { color: var(--soft) }
.absent { color: var(--soft); border-left: 3px solid var(--line); padding-left: .9rem }
nav { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: 1.1rem 0 0; font-size: .9rem }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.3rem, 1fr)); gap: .75rem; margin: 1.6rem 0 }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem }
.tile b { display: block; font-size: 1.45rem; font-weight: 600; letter-spacing: -.02em; line-height: 1.3 }
.tile span { display: block; font-size: .82rem; line-height: 1.35; color: var(--soft) }
figure { margin: 1.2rem 0 1.6rem }
figcaption { font-size: .9rem; margin-bottom: .5rem; display: flex; flex-wrap: wrap; gap: .1rem 1rem }
figcaption>b { font-weight: 600; margin-right: auto }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 0 2rem }
.pair>* { min-width: 0 }
.area { position: relative; height: 13.5rem; margin: .9rem .6rem 1.5rem 3.6rem }
.area svg, .square svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible }
.area path {
  fill: none; vector-effect: non-scaling-stroke; stroke: currentColor; stroke-width: 1.9; stroke-linejoin: round;
  stroke-linecap: round;
}
.area .grid { color: var(--grid); stroke-width: 1 }
.area .faint { stroke-width: 1; opacity: .35 }
.area .dots { stroke-width: 6 }
.area .area { fill: currentColor; fill-opacity: .18; stroke-width: 1 }
.area .limit { color: var(--bad); stroke-width: 1.2; stroke-dasharray: 5 4 }
.tx, .ty, .tl, .tu { position: absolute; font-size: .75rem; line-height: 1; white-space: nowrap }
.tx { top: calc(100% + .5rem); transform: translateX(-50%) }
.ty { right: calc(100% + .5rem); transform: translateY(-50%) }
.tl { right: 0; transform: translateY(-120%); color: var(--bad); background: var(--paper); padding: 0 .2rem }
.rule .tl { background: var(--card) }
.tu { left: 0; top: -1.05rem }
.under { font-size: .75rem; text-align: center }
.cross { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--soft); opacity: .5; pointer-events: none }
.tip {
  position: absolute; top: .2rem; background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
  padding: .3rem .55rem; font-size: .78rem; line-height: 1.45; pointer-events: none; white-space: nowrap; z-index: 2;
  box-shadow: 0 2px 8px #0002;
}
.c1 { color: var(--c1) }
.c2 { color: var(--c2) }
.c3 { color: var(--c3) }
.c4 { color: var(--c4) }
.c5 { color: var(--c5) }
.c6 { color: var(--c6) }
.key i {
  display: inline-block; width: .7rem; height: .7rem; border-radius: .2rem; background: currentColor; margin-right: .4rem;
  vertical-align: -.04rem;
}
.bar { display: block; height: 100%; background: currentColor }
.row {
  display: grid; grid-template-columns: minmax(7rem, 14rem) 1fr minmax(4rem, max-content); gap: .8rem; align-items: center;
  font-size: .87rem; margin: .28rem 0;
}
.row .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.rail { height: .7rem }
.rail .bar { border-radius: 0 .2rem .2rem 0; min-width: 1px }
.value { text-align: right }
.whole { display: flex; height: 1.5rem; border-radius: .35rem; overflow: hidden; background: var(--grid) }
.whole .bar { flex: none }
.keys { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .84rem; margin-top: .55rem }
.key b { font-weight: 600 }
.scroll { overflow-x: auto; margin: .8rem 0 1.4rem }
table { border-collapse: collapse; font-size: .87rem; min-width: 100% }
th, td { text-align: left; padding: .36rem 1.1rem .36rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 500; color: var(--soft); white-space: nowrap }
td.n, th.n { text-align: right }
tr:last-child td { border-bottom: 0 }
td { overflow-wrap: anywhere; min-width: 4rem }
.rule {
  background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--soft); border-radius: .5rem;
  padding: .8rem 1.1rem; margin: .9rem 0;
}
.rule.issue { border-left-color: var(--bad) }
.rule.fine { border-left-color: var(--good) }
.rule h3 { margin: 0; display: flex; gap: .7rem; flex-wrap: wrap; align-items: baseline }
.mark { font-size: .8rem; font-weight: 500 }
.issue .mark, .bad { color: var(--bad) }
.fine .mark, .good { color: var(--good) }
.rule .mark.soft { color: var(--soft) }
.rule ul { margin: .4rem 0; padding-left: 1.2rem; font-size: .92rem }
.advice { font-size: .92rem }
.rule .soft { font-size: .8rem }
details { margin: .8rem 0 }
summary { cursor: pointer; color: var(--soft); font-size: .92rem }
.matrix { max-width: 46rem }
.square { position: relative; margin-left: min(9.5rem, 32%); aspect-ratio: 1; border: 1px solid var(--line) }
.matrix .right { fill: var(--good) }
.matrix .wrong { fill: var(--bad) }
.my {
  position: absolute; right: calc(100% + .5rem); transform: translateY(-50%); font-size: .75rem; line-height: 1;
  max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
.mc { position: absolute; transform: translate(-50%, -50%); font-size: .72rem; pointer-events: none }
.mc.on { color: var(--card); font-weight: 600 }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1.1rem .9rem; margin: 1rem 0 }
.gallery figure { margin: 0 }
.gallery img, .gallery .gone {
  width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: .5rem; background: var(--grid); display: block;
}
.gallery .gone {
  display: grid; place-items: center; font-size: .78rem; color: var(--soft); padding: .8rem; text-align: center;
}
.gallery figcaption { display: block; font-size: .82rem; line-height: 1.4; margin-top: .45rem; overflow-wrap: anywhere }
footer { margin-top: 4rem; font-size: .82rem; color: var(--soft) }
@media(max-width:34rem) {
  main { padding: 1.4rem 1rem 3rem }
  .area { height: 11rem; margin-left: 3.1rem }
  .row { grid-template-columns: 6.5rem 1fr auto }
  h1 { font-size: 1.35rem }
  .mc { font-size: .6rem }
  .my { font-size: .66rem; max-width: 6.5rem }
  .tile b { font-size: 1.2rem }
  .tx:nth-of-type(even) { visibility: hidden }
  .gallery { grid-template-columns: repeat(2, 1fr) }
}
@media print {
  .rule, figure { break-inside: avoid }
  body { background: #fff }
}
"""
