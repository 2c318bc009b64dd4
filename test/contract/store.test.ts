import { storeContract } from './store.contract.ts'
import { makers } from './store-makers.ts'

for (const maker of makers) storeContract(maker)
