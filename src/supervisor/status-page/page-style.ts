// The style of the status page: one sheet, inside the page, allowed by its hash and nothing else. Light and dark,
// phone and desk; states differ by shape and word as well as by colour.
export const pageStyle = `
:root{color-scheme:light dark;--back:#f6f5f2;--card:#fff;--ink:#1d1c1a;--soft:#5c5a55;--line:#dcd9d2;--up:#1a7f4b;--degraded:#a15c00;--down:#b3261e;--maintenance:#2458a8;--unknown:#c9c6bf}
@media(prefers-color-scheme:dark){:root{--back:#161513;--card:#211f1c;--ink:#eeebe4;--soft:#b1ada4;--line:#3a3733;--up:#55c489;--degraded:#f0b04f;--down:#ff8a80;--maintenance:#8fb8ff;--unknown:#4a4742}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:1rem/1.6 system-ui,"Hiragino Sans","Noto Sans CJK JP",sans-serif}
main,header,footer{max-width:46rem;margin:0 auto;padding:0 1rem}
header{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;padding-top:1.5rem}
h1{font-size:1.4rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2rem 0 .6rem}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
a{color:inherit}
p{margin:.3rem 0;overflow-wrap:anywhere}
section>ul,section>ol{list-style:none;margin:0;padding:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem;margin:0 0 .6rem}
.overall{font-size:1.15rem;font-weight:600;border-left:.4rem solid currentColor;margin-top:1rem}
.row{display:flex;justify-content:space-between;gap:.3rem 1rem;flex-wrap:wrap;align-items:baseline}
.soft{color:var(--soft);font-size:.875rem}
.state{font-weight:600;white-space:nowrap}
.state::before{margin-right:.35em}
.up{color:var(--up)}.degraded{color:var(--degraded)}.down{color:var(--down)}.maintenance{color:var(--maintenance)}
.state.up::before{content:"\\25CF"}.state.degraded::before{content:"\\25B2"}.state.down::before{content:"\\25A0"}.state.maintenance::before{content:"\\25C6"}
.bars{display:flex;gap:1px;height:1.9rem;margin:.6rem 0 .2rem;align-items:flex-end}
.bars i{flex:1 1 0;min-width:1px;height:100%;background:currentColor;border-radius:1px;color:var(--unknown)}
.bars i.up{color:var(--up)}.bars i.maintenance{color:var(--maintenance);height:85%}.bars i.degraded{color:var(--degraded);height:70%}.bars i.down{color:var(--down);height:50%}
.bars i:not([class]){height:20%}
details{margin-top:.4rem}
details ul{margin:.3rem 0 0;padding-left:1.2rem}
summary{cursor:pointer}
.tag{border:1px solid currentColor;border-radius:.3rem;padding:0 .4rem;font-size:.8125rem;white-space:nowrap}
footer{padding-top:1.5rem;padding-bottom:2.5rem}
`
