"""The report's style sheet. Colours are Okabe and Ito's (2008), which most colour-blind people can tell apart."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--paper:#fff;--ink:#1b1f24;--quiet:#5b6570;--rule:#dde1e6;--soft:#f4f6f8;--c0:#0072b2;--c1:#b34a00;--c2:#007d5a;
--c3:#9d4d7e;--c4:#8a6d00;--c5:#333;--drift:#c04400;--warning:#a97900;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6e9ec;--quiet:#9aa5b0;--rule:#2e363f;--soft:#1c2228;
--c0:#56b4e9;--c1:#ee8a4a;--c2:#3fc79a;--c3:#dd94ba;--c4:#e8c23f;--c5:#ccc;--drift:#ff8b4d;--warning:#e8c23f}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main,header.top,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header.top{padding-top:28px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:19px;margin:0 0 4px;overflow-wrap:anywhere}
h3{font-size:15px;margin:18px 0 0;overflow-wrap:anywhere}
p{margin:4px 0 10px;max-width:76ch;overflow-wrap:anywhere}
section{border-top:1px solid var(--rule);margin-top:32px;padding-top:20px}
.quiet{color:var(--quiet)}
.lead{font-size:17px;margin:14px 0 16px;max-width:none}
.alert{border-left:4px solid var(--drift);background:var(--soft);padding:8px 14px;max-width:none}
a{color:var(--c0)}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:14px 0 0;padding:0}
:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:12px;margin:18px 0 0;padding:0}
.tiles>div{background:var(--soft);border-radius:6px;padding:12px 14px}
.tiles dt{color:var(--quiet);font-size:13.5px;overflow-wrap:anywhere}
.tiles dd{margin:0}
.tiles .big{font-size:27px;line-height:1.2;font-weight:600}
.tiles .small{color:var(--quiet);font-size:13px}
.grid2{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:26px 36px}
.grid3{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:26px 30px}
.grid2+.scroll,.grid3+.grid2,.scroll+.grid2{margin-top:18px}
.grid23{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr);gap:26px 36px;margin-top:18px}
figure{margin:14px 0 0;min-width:0;break-inside:avoid}
figcaption h3{margin:0}
figcaption p{margin:0 0 4px;font-size:13.5px}
figure>svg{display:block;width:100%;height:auto;overflow:visible}
figure.square>svg{max-width:360px}
svg text{font-size:11.5px;fill:var(--quiet)}
.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--quiet);stroke-width:1}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke:var(--c)}
.line circle{fill:var(--c);stroke:none}
.aside{stroke-width:1.3}
.band{fill:var(--c);opacity:.18}
.c0{--c:var(--c0)}.c1{--c:var(--c1);stroke-dasharray:7 3}.c2{--c:var(--c2);stroke-dasharray:2.5 2.5}
.c3{--c:var(--c3);stroke-dasharray:9 3 2 3}.c4{--c:var(--c4);stroke-dasharray:12 4}
.c5{--c:var(--c5);stroke-dasharray:1 3}
.band.c1,.band.c2,.band.c3,.band.c4,.band.c5{stroke-dasharray:none}
.drift{fill:var(--drift)}.drifted{stroke:var(--drift);stroke-width:1.2}
.warning{stroke:var(--warning);stroke-width:1.6;fill:none}
.through{stroke:var(--drift);stroke-width:1;opacity:.45}
.against{fill:none;stroke:var(--quiet);stroke-width:1;stroke-dasharray:4 4}
.whisker{stroke:var(--ink);stroke-width:1.4;fill:none}
.point{fill:var(--paper);stroke:var(--c0);stroke-width:2}
.operating{fill:var(--drift);stroke:var(--paper);stroke-width:2}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;margin:2px 0 4px;padding:0;font-size:13px}
.legend li{display:flex;align-items:center;gap:6px;overflow-wrap:anywhere}
.legend svg{width:26px;height:10px;flex:none}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:13.5px;margin:6px 0}
caption{text-align:left;color:var(--quiet);padding:0 0 4px}
th,td{padding:4px 14px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
thead th{color:var(--quiet);font-weight:500;white-space:nowrap}
tbody th{font-weight:500;min-width:18ch;max-width:36ch;overflow-wrap:anywhere}
.n{text-align:right}td.n{white-space:nowrap}
svg.bar{display:block;width:130px;height:14px}
svg.bar rect{fill:var(--c0);opacity:.75}
.matrix td.n{min-width:88px;padding-left:14px}
.matrix .right{background:color-mix(in srgb,var(--c0) 16%,transparent)}
.matrix .share{display:block;color:var(--quiet);font-size:12.5px}
details{margin:4px 0;font-size:14px}
summary{cursor:pointer;color:var(--quiet);width:fit-content}
pre{background:var(--soft);padding:12px 14px;border-radius:6px;overflow-x:auto;font-size:12.5px;line-height:1.45}
footer{color:var(--quiet);font-size:13px;padding-top:26px;padding-bottom:40px}
@media (max-width:760px){.grid2,.grid3,.grid23{grid-template-columns:minmax(0,1fr)}svg text{font-size:14px}
figure.square svg text{font-size:12px}
tbody th{min-width:14ch}h1{font-size:22px}
.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}main,header.top,footer{padding-left:14px;padding-right:14px}}
@media print{:root{--paper:#fff;--ink:#000;--quiet:#444;--rule:#ccc;--soft:#f4f4f4;--c0:#0072b2;--c1:#b34a00;
--c2:#007d5a;--c3:#9d4d7e;--c4:#8a6d00;--c5:#333;--drift:#c04400;--warning:#a97900}
body{font-size:11px}nav{display:none}section{break-inside:auto;margin-top:18px}h2,h3{break-after:avoid}
.grid2{grid-template-columns:repeat(2,minmax(0,1fr))}.grid3{grid-template-columns:repeat(3,minmax(0,1fr))}
.scroll{overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere}details:not([open]){display:none}}
""".strip()
