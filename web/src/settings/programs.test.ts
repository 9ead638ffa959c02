import { expect, it } from 'vitest'
import { program } from './programs.ts'

it('names browsers and systems as people do', () => {
  const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
  expect(program('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).toEqual({ name: 'Firefox', system: 'Linux' })
  expect(program(`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/140.0.0.0`)).toEqual({ name: 'Edge', system: 'Windows' })
  expect(program(`Mozilla/5.0 (Linux; Android 14; Pixel 8) ${chrome}`)).toEqual({ name: 'Chrome', system: 'Android' })
  expect(program('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1')).toEqual({ name: 'Safari', system: 'iPhone' })
})

it('leaves other programs their words', () => {
  expect(program('Thunderbird 140.0')).toEqual({ name: 'Thunderbird 140.0', system: '' })
  expect(program('')).toEqual({ name: '', system: '' })
})
