// Protocols of lines, as much of them as tests say.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/** Says lines to a server, each after the answer that its predecessor waits for; gives the last of the answers. */
export async function talk(address: string, steps: [line: string, answer: RegExp][]): Promise<string> {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]() as AsyncIterator<string>
  let said = ''
  for (const [line, answer] of steps) {
    if (line) socket.write(`${line}\r\n`)
    do {
      const { value, done } = (await lines.next()) as { value: string; done?: boolean }
      if (done) throw new Error(`${address} hung up after ${said}`)
      said = value
    } while (!answer.test(said))
  }
  socket.destroy()
  return said
}

/** The end of an IMAP login with a token (RFC 7628, or as it was before). */
export const imapByToken = (address: string, name: string, token: string, mechanism = 'OAUTHBEARER'): Promise<string> =>
  talk(address, [['', /^\* OK/], [`a AUTHENTICATE ${mechanism}`, /^\+/], [first(mechanism, name, token), /^(a |\+)/]])

/** The end of a login to submission with a token. */
export const submissionByToken = (address: string, name: string, token: string, mechanism = 'OAUTHBEARER'): Promise<string> =>
  talk(address, [['', /^220 /], ['EHLO test', /^250 /], [`AUTH ${mechanism}`, /^334/], [first(mechanism, name, token), /^\d/]])

function first(mechanism: string, name: string, token: string): string {
  const head = mechanism === 'XOAUTH2' ? `user=${name}` : `n,a=${name},`
  return Buffer.from(`${head}\x01auth=Bearer ${token}\x01\x01`).toString('base64')
}
