// Messages of others, as they arrive.
const PEOPLE = ['Anne Bellec', 'Rachid Ferhat', 'Mireille Kieffer', 'Paul Lengrand', 'Nora Ouali']
const SUBJECTS = ['Compte rendu du conseil', 'Maquette du portail', 'Quota porté à 20 Go', 'Photos du beffroi restauré', 'Budget 2027']

interface Letter {
  from?: string
  subject?: string
  to?: string
  headers?: string[]
  type?: string
  body?: string
}

/** A message of one part; others go into `headers`, `type` and `body`. */
export function letter({ from = 'Anne Bellec <anne@others.example>', subject = 'Bonjour', to = 'u1@bench.test', headers = [], type = 'text/plain; charset=utf-8', body = 'Bonjour à tous.' }: Letter): string {
  const word = (text: string) => (/^[ -~]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`)
  const id = headers.some((line) => /^message-id:/i.test(line)) ? [] : [`Message-ID: <${crypto.randomUUID()}@others.example>`]
  return [`From: ${from}`, `To: ${to}`, `Subject: ${word(subject)}`, `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`, ...id, ...headers, 'MIME-Version: 1.0', `Content-Type: ${type}`, '', body].join('\r\n')
}

/** Many that resemble each other, numbered from 0. */
export function many(count: number): string[] {
  return Array.from({ length: count }, (_, number) => {
    const name = PEOPLE[number % PEOPLE.length] ?? ''
    return letter({ from: `${name} <person${number % PEOPLE.length}@others.example>`, subject: `${SUBJECTS[number % SUBJECTS.length]} ${number}`, body: `Ceci est le message ${number}.` })
  })
}

/** Parts between boundaries, each with its own header. */
export function multipart(kind: string, parts: [string[], string][]): { type: string; body: string } {
  const boundary = `b-${crypto.randomUUID()}`
  const lines = parts.flatMap(([headers, body]) => [`--${boundary}`, ...headers, '', body])
  return { type: `multipart/${kind}; boundary="${boundary}"`, body: [...lines, `--${boundary}--`, ''].join('\r\n') }
}
