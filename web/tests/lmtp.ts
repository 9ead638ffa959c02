// Deliveries by LMTP (RFC 2033), as much of it as tests say.
import { connect, type Socket } from 'node:net'
import { createInterface, type Interface } from 'node:readline'

export class Lmtp {
  readonly #lines: AsyncIterator<string>
  private constructor(
    private readonly socket: Socket,
    private readonly reader: Interface,
  ) {
    this.#lines = reader[Symbol.asyncIterator]()
  }

  static async open(address: string): Promise<Lmtp> {
    const [host, port] = address.split(':')
    const socket = connect(Number(port), host)
    const lmtp = new Lmtp(socket, createInterface({ input: socket }))
    await lmtp.#expect('220')
    await lmtp.#say('LHLO tests.example', '250')
    return lmtp
  }

  async deliver(to: string, message: string): Promise<void> {
    await this.#say('MAIL FROM:<sender@others.example>', '250')
    await this.#say(`RCPT TO:<${to}>`, '250')
    await this.#say('DATA', '354')
    const lines = message.split(/\r?\n/).map((line) => (line.startsWith('.') ? `.${line}` : line))
    await this.#say(`${lines.join('\r\n')}\r\n.`, '250')
  }

  async close(): Promise<void> {
    await this.#say('QUIT', '221')
    this.reader.close()
    this.socket.destroy()
  }

  async #say(words: string, code: string): Promise<void> {
    this.socket.write(`${words}\r\n`)
    await this.#expect(code)
  }

  async #expect(code: string): Promise<void> {
    for (;;) {
      const { value, done } = (await this.#lines.next()) as { value: string; done?: boolean }
      if (done) throw new Error(`the server hung up instead of ${code}`)
      if (!value.startsWith(code)) throw new Error(`instead of ${code}: ${value}`)
      if (value.charAt(3) !== '-') return
    }
  }
}
