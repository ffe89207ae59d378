"""The look of a report's page: light and dark, on a screen and on paper. Nothing in it is fetched."""

from base64 import b64encode
from hashlib import sha256

_LIGHT = """
--ground:#fff;--panel:#f5f6f8;--ink:#1c2128;--soft:#59636e;--line:#d8dde3;--bar:#2563a8;
--answered:#2563a8;--cached:#2a9d8f;--refused:#c98a04;--failed:#c0392b;--abandoned:#8a94a0;--note:#fff6dd;
"""
_DARK = """
--ground:#14181d;--panel:#1d232a;--ink:#e6eaee;--soft:#9aa5b1;--line:#343c45;--bar:#6aa9ec;
--answered:#6aa9ec;--cached:#4fc3b4;--refused:#e5b344;--failed:#ef7b6d;--abandoned:#78838f;--note:#3a3214;
"""
STYLE = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif}}
main{{max-width:1360px;margin:0 auto;padding:32px 24px 48px}}
h1{{margin:0;font-size:26px;line-height:1.25}}
h2{{margin:36px 0 10px;font-size:17px}}
p{{margin:6px 0}}
.soft,svg text,dt,th,.legend,.tile small{{color:var(--soft)}}
.notes{{margin:18px 0 0;padding:10px 16px 10px 34px;background:var(--note);border-radius:8px}}
.tiles{{display:grid;grid-template-columns:repeat(auto-fit,minmax(148px,1fr));gap:12px;margin-top:22px}}
.tile{{background:var(--panel);border-radius:10px;padding:12px}}
.tile b{{display:block;font-size:18px;line-height:1.4;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}}
.tile span,.tile small{{display:block;font-size:13px}}
.chart{{display:block;width:100%;height:auto}}
.chart text{{font-size:12.5px;fill:var(--soft)}}
.grid{{stroke:var(--line)}}
.axis{{stroke:var(--soft)}}
.bar{{fill:var(--bar)}}
.answered{{fill:var(--answered);background:var(--answered)}}
.cached{{fill:var(--cached);background:var(--cached)}}
.refused{{fill:var(--refused);background:var(--refused)}}
.failed{{fill:var(--failed);background:var(--failed)}}
.abandoned{{fill:var(--abandoned);background:var(--abandoned)}}
.parts{{display:block;width:100%;height:18px;border-radius:4px}}
.legend{{display:flex;flex-wrap:wrap;gap:4px 22px;margin:8px 0 0;padding:0;list-style:none;font-size:14px}}
.legend i{{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}}
.legend b{{color:var(--ink);font-variant-numeric:tabular-nums}}
.bars{{display:grid;grid-template-columns:minmax(120px,26%) 1fr max-content max-content;gap:7px 14px}}
.bars>*{{align-self:center}}
.bars .name{{overflow-wrap:anywhere;line-height:1.3}}
.meter{{width:100%;height:14px;background:var(--panel);border-radius:3px}}
.number{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
.wide{{overflow-x:auto}}
table{{width:100%;border-collapse:collapse;font-size:12.5px}}
th,td{{padding:5px 6px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}}
th{{font-weight:600;vertical-align:bottom}}
th.number{{white-space:normal}}
td.name{{overflow-wrap:anywhere;min-width:150px}}
tfoot td{{font-weight:700;border-top:2px solid var(--soft);border-bottom:0}}
dl{{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}}
dd{{margin:0;overflow-wrap:anywhere}}
@media print{{
:root{{color-scheme:light;{_LIGHT}}}
@page{{size:A4 landscape;margin:12mm}}
*{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
body{{font-size:11px}}
main{{max-width:none;padding:0}}
table{{font-size:8.5px}}
th,td{{padding:3px 4px}}
.wide{{overflow:visible}}
tr,.tile,.chart,.notes,.bars>*{{break-inside:avoid}}
h2{{break-after:avoid}}
thead{{display:table-header-group}}
tfoot{{display:table-row-group}}
}}
""".replace("\n", "")

POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy: this style and nothing else, no script, nothing fetched."""
