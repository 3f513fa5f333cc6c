// Pictures stand in the page as gzip in base64. Nothing in a picture can run.
"use strict";
const unpacked = Promise.all([...document.querySelectorAll("img[data-packed]")].map(async (image) => {
  const bytes = Uint8Array.from(atob(image.dataset.packed), (character) => character.charCodeAt(0));
  delete image.dataset.packed;
  const opened = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const svg = await new Response(opened).arrayBuffer();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
}));
