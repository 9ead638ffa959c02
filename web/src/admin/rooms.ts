// The rooms of the administration: for each type of the directory what its table shows and what its form asks. The parts
// that draw them know no type; a further room is a further row here.
import type { JmapObject } from '../jmap/types.ts'
import { m } from '../paraglide/messages.js'
import type { IconName } from '../ui/icons.ts'

export type Label = () => string
export type Reference = 'Domain' | 'ClassOfService' | 'Unit'

interface Common {
  name: string
  label: Label
  hint?: Label
  required?: boolean
  /** Said once, when it is created. */
  fixed?: boolean
  /** Said whenever this other property is, and only then. */
  beside?: string
  /** What a new object begins with. */
  initial?: unknown
}
export type Field = Common &
  (
    | { kind: 'text' | 'email' | 'note' | 'number' | 'bytes' | 'cents' | 'switch' | 'date' | 'password' | 'members' | 'addresses' }
    | { kind: 'choice'; choices: [value: string, label: Label][] }
    | { kind: 'reference'; type: Reference }
  )

export interface Section {
  title: Label
  fields: Field[]
}

export interface Room {
  room: string
  type: string
  icon: IconName
  label: Label
  /** What the button says that makes one. None: they are not made here. */
  create?: Label
  /** The properties of the table; the first names the object. */
  columns: Field[]
  sort?: string
  /** They are locked, closed and kept for a while when they are removed. */
  hasState: boolean
  sections: Section[]
}

const ENTRY_STATES: [string, Label][] = [
  ['active', () => m.state_active()], ['locked', () => m.state_locked()], ['closed', () => m.state_closed()],
]
/** What an object that is kept for a while is called. */
export const STATES: Record<string, Label> = { ...Object.fromEntries(ENTRY_STATES), preDeleted: () => m.state_pre_deleted() }

const name: Field = { name: 'name', label: () => m.name(), kind: 'text' }
const address: Field = { name: 'address', label: () => m.address(), kind: 'email', required: true }
const state: Field = { name: 'state', label: () => m.state(), kind: 'choice', choices: ENTRY_STATES }
const note: Field = { name: 'note', label: () => m.note(), kind: 'note', hint: () => m.note_hint() }
const unit: Field = { name: 'unit', label: () => m.unit(), kind: 'reference', type: 'Unit' }
const classOf: Field = { name: 'class', label: () => m.class_of_service(), kind: 'reference', type: 'ClassOfService' }
const quota: Field = { name: 'quotaBytes', label: () => m.quota_own(), kind: 'bytes', hint: () => m.quota_own_hint() }
const addresses: Field = { name: 'addresses', label: () => m.aliases(), kind: 'addresses' }
const hidden: Field = { name: 'hidden', label: () => m.hidden(), kind: 'switch' }
const closeAt: Field = { name: 'closeAt', label: () => m.close_at(), kind: 'date' }
const flag = (name: string, label: Label): Field => ({ name, label, kind: 'switch' })

const place: Section = { title: () => m.section_place(), fields: [unit, classOf, quota, hidden] }
const redirection: Section = {
  title: () => m.section_redirection(),
  fields: [{ name: 'targets', label: () => m.redirected_to(), kind: 'members' }, flag('keepsCopy', () => m.keeps_copy())],
}
const lifecycle: Section = { title: () => m.section_lifecycle(), fields: [state, closeAt, note] }

const posting: Field = {
  name: 'posting', label: () => m.posting(), kind: 'choice',
  choices: [['open', () => m.posting_open()], ['organisation', () => m.posting_organisation()], ['members', () => m.posting_members()], ['senders', () => m.posting_senders()], ['moderated', () => m.posting_moderated()]],
}

function gathering(room: string, type: string, icon: IconName, label: Label, create: Label): Room {
  return {
    room, type, icon, label, create, columns: [name, address, state], sort: 'name', hasState: true,
    sections: [
      { title: () => m.section_who(), fields: [name, address, addresses] },
      { title: () => m.section_members(), fields: [{ name: 'members', label: () => m.members(), kind: 'members' }, posting, { name: 'subjectPrefix', label: () => m.subject_prefix(), kind: 'text' }] },
      place,
      lifecycle,
    ],
  }
}

export const ROOMS: Room[] = [
  {
    room: 'people', type: 'Person', icon: 'person', label: () => m.room_people(), create: () => m.new_person(),
    columns: [name, address, classOf, unit, state], sort: 'name', hasState: true,
    sections: [
      {
        title: () => m.section_who(),
        fields: [
          { ...name, required: true }, { name: 'givenName', label: () => m.given_name(), kind: 'text' }, { name: 'familyName', label: () => m.family_name(), kind: 'text' },
          { name: 'title', label: () => m.function_(), kind: 'text' }, { name: 'telephone', label: () => m.telephone(), kind: 'text' },
          { name: 'language', label: () => m.language(), kind: 'choice', choices: [['', () => m.language_of_server()], ['fr', () => 'Français'], ['en', () => 'English']] },
        ],
      },
      { title: () => m.section_mail(), fields: [address, addresses] },
      {
        title: () => m.section_login(),
        fields: [{ name: 'password', label: () => m.new_password(), kind: 'password', hint: () => m.password_given_hint() }, { ...flag('mustChangePassword', () => m.must_change_password()), beside: 'password', initial: true }],
      },
      place,
      redirection,
      lifecycle,
    ],
  },
  gathering('groups', 'Group', 'person', () => m.room_groups(), () => m.new_group()),
  gathering('lists', 'DistributionList', 'list', () => m.room_lists(), () => m.new_list()),
  {
    room: 'shared', type: 'SharedMailbox', icon: 'inbox', label: () => m.room_shared(), create: () => m.new_shared(),
    columns: [name, address, state], sort: 'name', hasState: true,
    sections: [{ title: () => m.section_who(), fields: [name, address, addresses] }, place, redirection, lifecycle],
  },
  {
    room: 'aliases', type: 'Alias', icon: 'forward', label: () => m.room_aliases(), create: () => m.new_alias(),
    columns: [address, name, state], sort: 'address', hasState: true,
    sections: [
      { title: () => m.section_who(), fields: [address, { name: 'targets', label: () => m.leads_to(), kind: 'members', required: true }, name] },
      { title: () => m.section_lifecycle(), fields: [state, note] },
    ],
  },
  {
    room: 'domains', type: 'Domain', icon: 'link', label: () => m.room_domains(), create: () => m.new_domain(),
    columns: [{ ...name, fixed: true }, { name: 'aliasOf', label: () => m.alias_of(), kind: 'reference', type: 'Domain' }, state], sort: 'name', hasState: false,
    sections: [
      {
        title: () => m.section_domain(),
        fields: [{ ...name, required: true, fixed: true }, { name: 'aliasOf', label: () => m.alias_of(), kind: 'reference', type: 'Domain', fixed: true }, state],
      },
      {
        title: () => m.section_limits(),
        fields: [{ name: 'maxPeople', label: () => m.max_people(), kind: 'number' }, { name: 'maxQuotaBytes', label: () => m.max_quota(), kind: 'bytes' }, { name: 'defaultClass', label: () => m.default_class(), kind: 'reference', type: 'ClassOfService' }, { name: 'passwordDays', label: () => m.password_days(), kind: 'number' }],
      },
      {
        title: () => m.section_mail(),
        fields: [{ name: 'detailSeparator', label: () => m.detail_separator(), kind: 'text', hint: () => m.detail_separator_hint() }, { name: 'relayHost', label: () => m.relay_host(), kind: 'text' }, note],
      },
    ],
  },
  {
    room: 'classes', type: 'ClassOfService', icon: 'tag', label: () => m.room_classes(), create: () => m.new_class(),
    columns: [name, { name: 'quotaBytes', label: () => m.storage(), kind: 'bytes' }, { name: 'priceCents', label: () => m.price_month(), kind: 'cents' }], sort: 'name', hasState: false,
    sections: [
      {
        title: () => m.section_limits(),
        fields: [
          { ...name, required: true }, { name: 'quotaBytes', label: () => m.storage(), kind: 'bytes' }, { name: 'maxMessageBytes', label: () => m.max_message(), kind: 'bytes' },
          { name: 'maxAliases', label: () => m.max_aliases(), kind: 'number' }, { name: 'retentionDays', label: () => m.retention_days(), kind: 'number' }, { name: 'priceCents', label: () => m.price_month(), kind: 'cents' },
        ],
      },
      {
        title: () => m.section_services(),
        fields: [
          flag('webmail', () => m.service_webmail()), flag('imap', () => 'IMAP'), flag('pop3', () => 'POP3'), flag('submission', () => m.service_submission()), flag('sieve', () => m.settings_filters()), flag('dav', () => 'CalDAV, CardDAV, WebDAV'),
          flag('mobile', () => m.service_mobile()), flag('calendar', () => m.service_calendar()), flag('contacts', () => m.service_contacts()), flag('files', () => m.service_files()), flag('crm', () => 'CRM'), flag('forwardOutside', () => m.service_forward()),
        ],
      },
      { title: () => m.section_lifecycle(), fields: [note] },
    ],
  },
  {
    room: 'units', type: 'Unit', icon: 'folder', label: () => m.room_units(), create: () => m.new_unit(),
    columns: [name, { name: 'parentId', label: () => m.unit_above(), kind: 'reference', type: 'Unit' }], sort: 'name', hasState: false,
    sections: [{ title: () => m.unit(), fields: [{ ...name, required: true }, { name: 'parentId', label: () => m.unit_above(), kind: 'reference', type: 'Unit' }] }],
  },
  {
    room: 'organisation', type: 'Organisation', icon: 'shield', label: () => m.room_organisation(),
    columns: [{ name: 'displayName', label: () => m.name(), kind: 'text' }, { name: 'name', label: () => m.short_name(), kind: 'text' }, state], hasState: false,
    sections: [
      {
        title: () => m.room_organisation(),
        fields: [
          { name: 'displayName', label: () => m.name(), kind: 'text' }, { name: 'maxPeople', label: () => m.max_people(), kind: 'number' }, { name: 'maxQuotaBytes', label: () => m.max_quota(), kind: 'bytes' },
          { name: 'defaultClass', label: () => m.default_class(), kind: 'reference', type: 'ClassOfService' }, { name: 'preDeleteDays', label: () => m.pre_delete_days(), kind: 'number', hint: () => m.pre_delete_hint() },
          flag('holdsAddresses', () => m.holds_addresses()), note,
        ],
      },
    ],
  },
]

export const fieldsOf = (room: Room): Field[] => room.sections.flatMap((section) => section.fields)
/** What an object is called. */
export const titleOf = (room: Room, object: JmapObject): string => String(object[room.columns[0]?.name ?? ''] || object['address'] || object['name'] || '')
