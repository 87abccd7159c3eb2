import { good, packageOf } from '../draft.ts'

export const message = /properties.xml: it is not what the manifest demands/
export const bytes = (): Buffer =>
  packageOf({
    properties: (id) =>
      good.properties(id).replace('</properties>', '  <entry key="installhook.x.class">Evil</entry>\n</properties>'),
  })
