// Files for spreadsheets.

/** A value as a field of CSV; nothing of it is taken for a formula by a spreadsheet. */
export function field(value: string): string {
  const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return `"${plain.replaceAll('"', '""')}"`
}
