import { defineConfig } from 'vitest/config'

// No tests: what makes the pictures of the manual.
export default defineConfig({ test: { include: ['shots/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } })
