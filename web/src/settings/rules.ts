// Filters as people see them, and as Sieve (RFC 5228). The rules stand in the script itself, in one comment line, so that
// they can be read back; a script without that line is somebody else's and is left alone.
export type Field = 'from' | 'to' | 'subject' | 'header'
export type Match = 'contains' | 'is'

export interface Test {
  field: Field
  match: Match
  value: string
  /** The rule applies where this does not hold. */
  isNot: boolean
}

export interface Rule {
  name: string
  isActive: boolean
  isAny: boolean
  tests: Test[]
  mailbox: string
  keyword: string
  forward: string
  isRead: boolean
  isStarred: boolean
  isDiscarded: boolean
  isLast: boolean
}

export const NAME = 'beffroi'
const MARK = '# beffroi-rules: '

export const blank = (): Rule => ({
  name: '', isActive: true, isAny: false, tests: [{ field: 'from', match: 'contains', value: '', isNot: false }], mailbox: '', keyword: '', forward: '', isRead: false, isStarred: false, isDiscarded: false, isLast: true,
})

const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replace(/[\r\n]+/g, ' ')}"`

function test({ field, match, value, isNot }: Test): string {
  const [header, name] = field === 'header' ? value.split(/:\s*/, 2) : [field, '']
  const sought = field === 'header' ? (name ?? '') : value
  const fields = field === 'to' ? '["to", "cc"]' : quoted(header ?? '')
  const line = field === 'from' || field === 'to' ? `address :all :${match} ${fields} ${quoted(sought)}` : `header :${match} ${fields} ${quoted(sought)}`
  return isNot ? `not ${line}` : line
}

function actions(rule: Rule): string[] {
  const flags = [rule.isRead ? '\\\\Seen' : '', rule.isStarred ? '\\\\Flagged' : '', rule.keyword].filter(Boolean)
  const lines = flags.length ? [`addflag [${flags.map((flag) => `"${flag}"`).join(', ')}];`] : []
  if (rule.forward) lines.push(`redirect :copy ${quoted(rule.forward)};`)
  if (rule.isDiscarded) lines.push('discard;')
  else if (rule.mailbox) lines.push(`fileinto ${quoted(rule.mailbox)};`)
  if (rule.isLast) lines.push('stop;')
  return lines
}

/** The script of the rules. */
export function written(rules: Rule[]): string {
  const active = rules.filter((rule) => rule.isActive && rule.tests.some((one) => one.value))
  const parts = active.map((rule) => {
    const tests = rule.tests.filter((one) => one.value).map(test)
    const lines = actions(rule).map((line) => `    ${line}`)
    return `# ${rule.name.replace(/[\r\n]+/g, ' ')}\nif ${rule.isAny ? 'anyof' : 'allof'} (${tests.join(',\n    ')}) {\n${lines.join('\n')}\n}\n`
  })
  return `require ["fileinto", "imap4flags", "copy", "mailbox"];\n${MARK}${JSON.stringify(rules)}\n\n${parts.join('\n')}`
}

/** The rules of a script; `null` when somebody else wrote it. */
export function read(script: string): Rule[] | null {
  const line = script.split('\n').find((one) => one.startsWith(MARK))
  if (!line) return null
  try {
    const rules = JSON.parse(line.slice(MARK.length)) as Partial<Rule>[]
    return Array.isArray(rules) ? rules.map((rule) => ({ ...blank(), ...rule })) : null
  } catch {
    return null
  }
}
