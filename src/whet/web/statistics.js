// What sampling leaves open: intervals of shares and what removing a function could gain.

const Z95 = 1.959963984540054;

/** Return the 95 % Wilson score interval of a share seen in `samples` samples (Wilson 1927). */
export function wilsonInterval(share, samples) {
  if (!(samples > 0)) return [0, 1];
  const p = Math.min(1, Math.max(0, share));
  const spread = (Z95 * Z95) / samples;
  const middle = (p + spread / 2) / (1 + spread);
  const half = (Z95 / (1 + spread)) * Math.sqrt((p * (1 - p)) / samples + spread / (4 * samples));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Return how many times faster the program is at most if this share took no time (Amdahl 1967). */
export function amdahlBound(share) {
  return share >= 1 ? Infinity : 1 / (1 - Math.max(0, share));
}
