// Values, shares and factors as text. The only module that knows how numbers are written.

const SCALES = {
  nanoseconds: [[1, "ns"], [1e3, "µs"], [1e6, "ms"], [1e9, "s"], [60e9, "min"], [3600e9, "h"]],
  bytes: [[1, "B"], [1024, "kB"], [1024 ** 2, "MB"], [1024 ** 3, "GB"], [1024 ** 4, "TB"]],
};
const TIME_UNITS = { microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
const integers = new Intl.NumberFormat("en-US");

/** Write a value of a profile with its unit, to three digits; counts in full. */
export function formatValue(value, unit) {
  if (unit in TIME_UNITS) return formatValue(value * TIME_UNITS[unit], "nanoseconds");
  const scale = SCALES[unit];
  if (!scale) return unit === "count" || !unit ? formatCount(value) : `${formatCount(value)} ${unit}`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  let step = scale[0];
  for (const candidate of scale) if (size >= candidate[0] * 0.9995) step = candidate;
  // Seconds stay seconds up to two minutes: that is how programs are talked about.
  if (step[1] === "min" && size < 120e9) step = scale[3];
  const text = step[0] === 1 ? formatCount(value) : threeDigits(value / step[0]);
  return `${text} ${step[1]}`;
}

/** Write an integer with thousands separators. */
export function formatCount(value) {
  return integers.format(value).replace("-", "−");
}

/** Write a share of the total as a percentage. */
export function formatShare(share) {
  if (!Number.isFinite(share)) return "–";
  const percent = share * 100;
  const size = Math.abs(percent);
  const sign = percent < 0 ? "−" : "";
  if (size === 0) return "0%";
  if (size >= 99.95) return `${sign}${size.toFixed(0)}%`;
  if (size >= 10) return `${sign}${size.toFixed(1)}%`;
  if (size >= 0.1) return `${sign}${size.toFixed(2)}%`;
  return `${sign}${Number(size.toPrecision(2))}%`;
}

/** Write an interval of shares with one percent sign. */
export function formatInterval([low, high]) {
  return `${formatShare(low).slice(0, -1)}–${formatShare(high)}`;
}

/** Write an Amdahl bound as a factor. */
export function formatBound(bound) {
  if (!Number.isFinite(bound) || bound >= 1000) return "∞";
  if (bound < 1.0005) return "1.00×";
  return `${bound < 10 ? bound.toFixed(2) : threeDigits(bound)}×`;
}

function threeDigits(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = size >= 1000 ? integers.format(Math.round(size)) : size.toFixed(digits);
  return (value < 0 ? "−" : "") + text;
}
