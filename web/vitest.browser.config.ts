import { defineConfig } from 'vitest/config'

// The client inside a running server, in Chromium. One file after the other: a server and a browser each fill the machine.
export default defineConfig({ test: { include: ['tests/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false } })
