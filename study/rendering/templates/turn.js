// Turns the page's scenes: points in space, by drag and by keys. It reads numbers and shapes alone.
"use strict";
(() => {
  const START = { azimuth: 0.6, elevation: 0.35 }; // radians, as study/rendering/scenes.py has them
  const STEP = 0.12; // radians a key turns
  const KEYS = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  const numbers = (text) => (text ? text.split(" ").map(Number) : []);

  function show(canvas, marks) {
    const flat = numbers(canvas.dataset.points).map((whole) => whole / 999);
    const kinds = numbers(canvas.dataset.marks);
    const context = canvas.getContext("2d");
    let { azimuth, elevation } = START;

    function seen(x, y, z) { // to the right, downwards, towards the reader
      const away = Math.cos(azimuth) * y - Math.sin(azimuth) * x;
      return [
        Math.cos(azimuth) * x + Math.sin(azimuth) * y,
        -Math.cos(elevation) * z - Math.sin(elevation) * away,
        Math.sin(elevation) * z - Math.cos(elevation) * away,
      ];
    }

    function draw() {
      const ratio = window.devicePixelRatio || 1, side = canvas.clientWidth, radius = 0.45 * side;
      canvas.width = canvas.height = Math.round(side * ratio);
      const place = (x, y, size) =>
        context.setTransform(ratio * size, 0, 0, ratio * size, ratio * (side / 2 + radius * x), ratio * (side / 2 + radius * y));
      context.fillStyle = "#fff"; // also where the browser makes pages dark: marks are for white
      context.fillRect(0, 0, canvas.width, canvas.height);
      [[1, 0, 0], [0, 1, 0], [0, 0, 1]].forEach((axis, number) => {
        const [x, y] = seen(...axis);
        place(0, 0, 1);
        context.strokeStyle = "#bbb";
        context.beginPath();
        context.moveTo(-radius * x, -radius * y);
        context.lineTo(radius * x, radius * y);
        context.stroke();
        context.fillStyle = "#666";
        context.fillText(String(number + 1), radius * x + 3, radius * y - 3);
      });
      kinds
        .map((kind, i) => [...seen(flat[3 * i], flat[3 * i + 1], flat[3 * i + 2]), kind])
        .sort((one, other) => one[2] - other[2])
        .forEach(([x, y, depth, kind]) => {
          place(x, y, 7 + 2.5 * depth);
          context.globalAlpha = 0.72 + 0.25 * depth;
          context.fillStyle = marks[kind].colour;
          context.fill(marks[kind].shape);
        });
      context.globalAlpha = 1;
    }

    function turn(across, up) {
      azimuth += across;
      elevation = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, elevation + up));
      draw();
    }

    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) turn(-event.movementX / 100, event.movementY / 100);
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Home") ({ azimuth, elevation } = START);
      else if (!(event.key in KEYS)) return;
      event.preventDefault();
      turn(...(KEYS[event.key] || [0, 0]));
    });
    new ResizeObserver(draw).observe(canvas);
  }

  for (const scenes of document.querySelectorAll(".scenes")) {
    const marks = [...scenes.querySelectorAll(".marks path")].map((path) => ({
      shape: new Path2D(path.getAttribute("d")),
      colour: path.getAttribute("fill"),
    }));
    scenes.hidden = false; // without a script there is nothing to turn
    for (const canvas of scenes.querySelectorAll("canvas")) show(canvas, marks);
  }
})();
