import { expect, test } from 'vitest'
import { field } from './csv.ts'

test('r07 fields of CSV are quoted, and nothing is a formula', () => {
  expect(field('a "b", c')).toBe('"a ""b"", c"')
  expect(field('=SUM(A1)')).toBe(`"'=SUM(A1)"`)
  expect(field('-1+1')).toBe(`"'-1+1"`)
  expect(field('2027-01-31')).toBe('"2027-01-31"')
})
