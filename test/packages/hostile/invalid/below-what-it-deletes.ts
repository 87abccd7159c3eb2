import { packageOf } from '../draft.ts'

export const message = /below "\/content\/a", which it deletes/
export const bytes = (): Buffer =>
  packageOf({
    lines: ['{"type":"delete","path":"/content/a","deep":true}', '{"type":"folder","path":"/content/a/b"}'],
    content: [{ name: 'jcr_root/content/a/b/' }],
  })
