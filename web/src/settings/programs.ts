// What a program says of itself, as people call it: `Mozilla/5.0 (X11; Linux x86_64) ... Firefox/140.0` is Firefox on Linux.
const BROWSERS: [pattern: RegExp, name: string][] = [
  [/\bEdgA?\//, 'Edge'], [/\bOPR\//, 'Opera'], [/\bVivaldi\//, 'Vivaldi'], [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'], [/\b(HeadlessChrome|Chrome|CriOS)\//, 'Chrome'], [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
]
const SYSTEMS: [pattern: RegExp, name: string][] = [
  [/\bAndroid\b/, 'Android'], [/\biPhone\b/, 'iPhone'], [/\biPad\b/, 'iPad'], [/\bWindows\b/, 'Windows'], [/\bMac OS X\b/, 'macOS'], [/\bCrOS\b/, 'ChromeOS'], [/\bLinux\b/, 'Linux'],
]

/** Browser and system; the system is empty where it is not said, and another program keeps its own words. */
export function program(said: string): { name: string; system: string } {
  const first = (list: [RegExp, string][]) => list.find(([pattern]) => pattern.test(said))?.[1]
  const name = said.startsWith('Mozilla/') ? first(BROWSERS) : undefined
  return name ? { name, system: first(SYSTEMS) ?? '' } : { name: said, system: '' }
}
