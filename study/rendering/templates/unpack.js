// Pictures stand in the page as gzip in base64. Nothing in a picture can run.
"use strict";
for (const image of document.querySelectorAll("img[data-packed]")) {
  const bytes = Uint8Array.from(atob(image.dataset.packed), (character) => character.charCodeAt(0));
  delete image.dataset.packed;
  const opened = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  new Response(opened).arrayBuffer().then((svg) => {
    image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  });
}
