export const overlay: { shown: 'palette' | 'help' | null } = $state({ shown: null })
