import { expect, test } from 'vitest'
import { CUSTOM, LEVELS, levelOf, rightsOf } from './levels.ts'

test('b03 a level stands for its rights, and the right to write in a name stands beside it', () => {
  for (const level of LEVELS) {
    expect(levelOf(rightsOf(level, false))).toBe(level)
    expect(levelOf(rightsOf(level, true))).toBe(level)
    expect(rightsOf(level, true).maySubmit).toBe(true)
  }
  expect(levelOf({ mayReadItems: true })).toBe(CUSTOM)
  expect(levelOf({ ...rightsOf('edit', false), mayShare: true })).toBe(CUSTOM)
  expect(levelOf(undefined)).toBe(CUSTOM)
})
