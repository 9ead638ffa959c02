import { describe, expect, it } from 'vitest'
import { blank, read, written, type Rule } from './rules.ts'

const rule = (more: Partial<Rule>): Rule => ({ ...blank(), name: 'Conseil', ...more })

describe('filters', () => {
  it('b09 rules are written as Sieve, in order, with exceptions and an end', () => {
    const script = written([
      rule({ tests: [{ field: 'from', match: 'contains', value: 'anne', isNot: false }, { field: 'subject', match: 'is', value: 'Budget', isNot: true }], mailbox: 'Projets', isRead: true }),
      rule({ name: 'Later', tests: [{ field: 'header', match: 'contains', value: 'List-Id: <dev>', isNot: false }], keyword: 'dev', isLast: false }),
    ])
    expect(script).toContain('if allof (address :all :contains "from" "anne",\n    not header :is "subject" "Budget") {\n    addflag ["\\\\Seen"];\n    fileinto "Projets";\n    stop;\n}')
    expect(script).toContain('header :contains "List-Id" "<dev>"')
    expect(script.indexOf('Conseil')).toBeLessThan(script.lastIndexOf('Later'))
  })

  it('b09 rules are read back from the script, and foreign scripts are left alone', () => {
    const rules = [rule({ tests: [{ field: 'to', match: 'is', value: 'a"b\\c', isNot: false }], forward: 'x@univ.example' })]
    expect(read(written(rules))).toEqual(rules)
    expect(read('require "fileinto";\nkeep;')).toBeNull()
  })

  it('quotes cannot be closed from inside', () => {
    const script = written([rule({ tests: [{ field: 'subject', match: 'is', value: '"; discard; "', isNot: false }] })])
    expect(script).toContain('header :is "subject" "\\"; discard; \\""')
  })
})
