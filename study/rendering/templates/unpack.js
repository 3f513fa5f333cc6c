// Pictures stand in the page as gzip in base64. Nothing in a picture can run.
"use strict";
// On a dark screen white paper is dark and black ink light; colours stay those of the page's text,
// and so do letters on them: white ones are no `path`, dark ones no black (study/rendering/style.py).
const inked = (part, from, to) => `:is(path, use, rect):is([style*="${part}: ${from}"], [${part}="${from}"]) { ${part}: ${to} !important }`;
const recoloured = (from, to) => inked("fill", from, to) + inked("stroke", from, to);
const DARK = `<style>@media screen and (prefers-color-scheme: dark) { svg { fill: #e6e6e6 }
  ${recoloured("#ffffff", "#15181c")} ${recoloured("#000000", "#e6e6e6")} ${recoloured("#555555", "#a9b0b8")}
{% for error, colour in error_colours.items() if colour != dark_colours[error] %}
  ${recoloured("{{ colour | lower }}", "{{ dark_colours[error] }}")}
{% endfor %}
}</style></svg>`;
const unpacked = Promise.all([...document.querySelectorAll("img[data-packed]")].map(async (image) => {
  const bytes = Uint8Array.from(atob(image.dataset.packed), (character) => character.charCodeAt(0));
  delete image.dataset.packed;
  const opened = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const svg = await new Response(opened).text();
  image.src = URL.createObjectURL(new Blob([svg.replace(/<\/svg>\s*$/, DARK)], { type: "image/svg+xml" }));
}));
