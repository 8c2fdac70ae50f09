// Numbers as people read them.

export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function bytes(count) {
  return count < 2 ** 30 ? `${Math.round(count / 2 ** 20)} MiB` : `${(count / 2 ** 30).toFixed(2)} GiB`;
}

// Iterations a second, or seconds an iteration: whichever is above 1.
export function speed(perSecond) {
  if (perSecond === null) return ["speed", "–"];
  return perSecond >= 1
    ? ["iterations / s", number(perSecond, 3)]
    : ["each iteration", `${number(1 / perSecond, 3)} s`];
}

export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return Number(value.toPrecision(digits - 1)).toExponential().replace("e+", "e");
  return Number(value.toPrecision(digits)).toString();
}
