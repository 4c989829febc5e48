/** Quantities as people read them. The unit is always written. */

import { TranslationBundle } from '@jupyterlab/translation';

const BINARY = ['B', 'KiB', 'MiB', 'GiB'];

/** Write a size. @param sizeBytes The size. [bytes] */
export function formatBytes(sizeBytes: number): string {
  let size = sizeBytes;
  for (const unit of BINARY) {
    if (Math.abs(size) < 1024) {
      return unit === 'B' ? `${Math.round(size)} B` : `${size.toFixed(1)} ${unit}`;
    }
    size /= 1024;
  }
  return `${size.toFixed(1)} TiB`;
}

/** Write a duration, at most two units. @param seconds The duration. [s] */
export function formatSeconds(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) {
    return `${total} s`;
  }
  const minutes = Math.floor(total / 60);
  if (minutes < 60) {
    return joined(minutes, 'min', total % 60, 's');
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 48) {
    return joined(hours, 'h', minutes % 60, 'min');
  }
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** Write how long something is there, in one unit: a row has little room. [s] */
export function formatAge(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  if (total < 60) {
    return `${total} s`;
  }
  if (total < 3600) {
    return `${Math.floor(total / 60)} min`;
  }
  if (total < 48 * 3600) {
    return `${Math.floor(total / 3600)} h`;
  }
  return `${Math.floor(total / 86400)} d`;
}

/** Write a share as a percentage. @param fraction The share. [1] */
export function formatFraction(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

/** Write a metric with as many digits as tell something. @param value The metric. [1] */
export function formatMetric(value: number): string {
  if (!Number.isFinite(value)) {
    return String(value);
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e6) {
    return String(value);
  }
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e6
    ? String(Number(value.toPrecision(4)))
    : value.toExponential(2);
}

/** Write a moment of today as a clock shows it. @param ms The moment. [ms since 1970] */
export function formatClock(ms: number): string {
  return new Date(ms).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit'
  });
}

/** Say of when something old is. @param ms The moment; 0 for unknown. [ms since 1970] */
export function asOfText(ms: number, trans: TranslationBundle): string {
  return ms > 0 ? trans.__('as of %1', formatClock(ms)) : trans.__('not up to date');
}

function joined(large: number, unit: string, small: number, smallUnit: string): string {
  return small ? `${large} ${unit} ${small} ${smallUnit}` : `${large} ${unit}`;
}
