// Writes compressed forms beside the built files, and keeps the marker that keeps the folder in a clone.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

const COMPRESSED = /\.(html|js|css|svg|json|webmanifest|txt)$/
const LEAST_BYTES = 600

export function compress(folder: string): Plugin {
  return {
    name: 'compress',
    apply: 'build',
    async buildStart() {
      for (const entry of await readdir(folder).catch(() => [])) {
        if (entry !== '.keep') await rm(join(folder, entry), { recursive: true })
      }
    },
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile() && COMPRESSED.test(entry.name))
      await Promise.all(files.map((entry) => forms(join(entry.parentPath, entry.name))))
    },
  }
}

async function forms(file: string) {
  const bytes = await readFile(file)
  if (bytes.length < LEAST_BYTES) return
  const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }
  await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes, options))
  await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }))
}
