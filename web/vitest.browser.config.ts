import { defineConfig } from 'vitest/config'

// The built client in Chromium, over the server of the unit tests. One file after the other: they share a port.
export default defineConfig({ test: { include: ['tests/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false, globalSetup: [] } })
