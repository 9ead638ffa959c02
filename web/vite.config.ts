import { fileURLToPath } from 'node:url'
import { paraglideVitePlugin } from '@inlang/paraglide-js'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { compress } from './build/compress.ts'
import { fixtures } from './build/fixtures.ts'
import { offline } from './build/offline.ts'

const dist = fileURLToPath(new URL('./dist', import.meta.url))
// `BEFFROI=http://127.0.0.1:8080 npm run dev` shows the sources over a running server.
const server = process.env['BEFFROI'] ?? 'http://127.0.0.1:8080'
const proxied = ['/auth', '/jmap', '/.well-known']

export default defineConfig({
  plugins: [
    paraglideVitePlugin({
      project: './project.inlang',
      outdir: './src/paraglide',
      strategy: ['globalVariable', 'baseLocale'],
      emitTsDeclarations: false,
      outputStructure: 'message-modules',
      emitReadme: false,
      isServer: 'false',
    }),
    svelte(),
    ...(server === 'fixtures' ? [fixtures()] : []),
    offline(),
    compress(dist),
  ],
  build: {
    target: 'es2022',
    outDir: dist,
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: { index: 'index.html', editor: 'editor.html' } },
  },
  worker: { format: 'es' },
  server: server === 'fixtures' ? {} : { proxy: Object.fromEntries(proxied.map((path) => [path, { target: server, changeOrigin: false }])) },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'node',
    restoreMocks: true,
  },
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
})
