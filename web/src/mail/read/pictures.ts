// Pictures of others come through this server, and only after the reader agreed: for one message, or for a sender.
import { ask } from '../../jmap/auth.ts'

const KEPT = 'beffroi-trusted-senders'

const senders = (): string[] => {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? '[]') as string[]
  } catch {
    return []
  }
}

export const isTrusted = (address: string) => senders().includes(address.toLowerCase())

export function allowSender(address: string): void {
  localStorage.setItem(KEPT, JSON.stringify([...new Set([...senders(), address.toLowerCase()])]))
}

export async function allowed(addresses: string[]): Promise<Record<string, string>> {
  const { images } = await ask<{ images: Record<string, string> }>('POST', '/auth/images', { addresses })
  return images
}
