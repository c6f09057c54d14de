// The smallest WCAG contrast ratio of any text of the report with what is behind it.
() => {
  const canvas = document.createElement("canvas").getContext("2d");
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    const [r, g, b] = rgb(color).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const style = getComputedStyle(document.documentElement);
  const pairs = [
    ["ink", "paper"], ["soft", "paper"], ["soft", "sunk"], ["soft", "raised"], ["accent", "paper"],
    ["ink", "accent-soft"], ["soft", "accent-soft"],
    ["string", "paper"], ["word", "paper"], ["number", "paper"],
  ];
  const ratios = pairs.map((pair) => ratio(...pair.map((name) => style.getPropertyValue(`--${name}`))));
  for (const name of ["root", "rest", "hit", "gain", "loss"]) ratios.push(ratio(...report.palette.plain(name)));
  report.model.frames.name.forEach((_, i) => ratios.push(ratio(...report.palette.frame(i))));
  return Math.min(...ratios);
}
