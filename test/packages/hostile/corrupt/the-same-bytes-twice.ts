import { a, fileLine, folder, folderItem, itemA, packageOf } from '../draft.ts'

export const message = /two headers differ in the name|overlaps/
export const bytes = (): Buffer => {
  const twin = { ...itemA, name: 'jcr_root/content/a2.txt' }
  const draft = (offset: number): Buffer =>
    packageOf({
      lines: [folder, a, fileLine('/content/a2.txt', itemA.content as Buffer)],
      content: [folderItem, itemA, { ...twin, central: { offset } }],
    })
  return draft(draft(0).indexOf('jcr_root/content/a.txt') - 30)
}
