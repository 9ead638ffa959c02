// Writes `sw.js`: the service worker of `src/offline`, with the list of what was built.
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { build, type Plugin, type Rolldown } from 'vite'

const ALWAYS = ['/', '/reader.html', '/editor.html', '/logo.svg', '/manifest.webmanifest']
const source = fileURLToPath(new URL('../src/offline/worker.ts', import.meta.url))

export function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    async generateBundle(_, bundle) {
      const files = [...ALWAYS, ...Object.keys(bundle).filter((file) => file.startsWith('assets/')).map((file) => `/${file}`)]
      const name = `beffroi-${createHash('sha256').update(files.join()).digest('hex').slice(0, 12)}`
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: await worker(name, files) })
    },
  }
}

/** One classic script: not every browser takes service workers that are modules. */
async function worker(name: string, files: string[]): Promise<string> {
  const built = (await build({
    configFile: false,
    publicDir: false,
    logLevel: 'error',
    define: { NAME: JSON.stringify(name), FILES: JSON.stringify(files) },
    build: { write: false, target: 'es2022', rolldownOptions: { input: source, output: { format: 'iife' } } },
  })) as Rolldown.RolldownOutput
  return built.output[0].code
}
