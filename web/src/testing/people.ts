// Mail of a sample organisation, for tests and for trying the client without a server.
export const PEOPLE: [string, string][] = [
  ['Anne Bellec', 'anne.bellec@univ.example'],
  ['Rachid Ferhat', 'rachid.ferhat@univ.example'],
  ['Mireille Kieffer', 'mireille.kieffer@univ.example'],
  ['Service scolarité', 'scolarite@univ.example'],
  ['Paul Lengrand', 'paul.lengrand@univ.example'],
  ['Nora Ouali', 'nora.ouali@univ.example'],
]
export const SUBJECTS = [
  'Compte rendu du conseil de laboratoire', 'Maquette du portail, dernière lecture', 'Quota porté à 20 Go',
  'Invitation : point bibliothèque', 'Inscriptions : 3 dossiers incomplets', 'Photos du beffroi restauré',
  'Question sur les listes de diffusion', 'Budget 2027, première version',
]
export const LINES = [
  'Bonjour à tous, voici le compte rendu avec les trois décisions.',
  'Tout est bon pour moi, on peut ouvrir lundi si le domaine suit.',
  'Votre classe de service a changé ce matin. Rien à faire de votre côté.',
  'Il manque les pièces suivantes pour clore les dossiers.',
  'Elles sont dans le dossier partagé, en pleine définition.',
]
