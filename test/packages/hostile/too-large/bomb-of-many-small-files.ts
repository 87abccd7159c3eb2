import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /it unpacks to more than 200 times its size/
export const bytes = (): Buffer => {
  // None of them is large enough to be looked at by itself.
  const content = Buffer.alloc(1_000_000)
  const names = Array.from({ length: 5 }, (_, i) => `zeros-${String(i).padStart(2, '0')}`)
  return packageOf({
    lines: [folder, ...names.map((name) => fileLine(`/content/${name}`, content))],
    content: [folderItem, ...names.map((name) => ({ name: `jcr_root/content/${name}`, content, method: 8 }))],
  })
}
