/** Which language somebody writes in. */
export type Language = 'en' | 'ar';

/** Somebody of the audience. */
export type Person = { handle: string; language: Language };

/** Whom the audience never signs in as: people of the demo who belong to whoever tries it, and those who run things. */
export const NOT_THE_AUDIENCE: readonly string[] = ['layla', 'omar', 'sara', 'operator'];

const WRITING_ARABIC = `noura.k khalid_91 reem.alf abdullah_7 hessa_m um_rashid majed.dxb fatima.z yousef_22 maha.jed sultan_q ghada.s
  bandar_r lulwa.kw hamad.doha aisha_b nasser.o dalal_t rakan_ksa shaikha.uae turki_x amal.cairo mostafa_eg habiba.m karim_alex
  zeinab.h tarek_giza salma.rabat youssef.casa imane_fez anis.tunis hind_amman rami.beirut jana_lb ward.damascus huda_basra
  ali.najaf muna_muscat said.salalah bushra.yem khadija_nkt idris.khartoum asma_tripoli walid.oran samira_dz nawal.ramallah`;

const WRITING_ENGLISH = `mia_rose jake.wilson luna.star oliver_g chloe.b noah_streams emma.k liam22 ava.lane ethan_hd zoe_pixel mason.t
  ruby_red finn.o grace.h leo_mtl isla.mae theo_ldn poppy.j max.power ivy_green hugo.nyc stella.r owen_atl nina.belle felix_sf
  daisy.may oscar_to willow_w jonah.p freya.s caleb_tx maya.singh arjun.v priya_k diego.mx lucia_bcn mateo.arg sofia.l yuki_t
  kenji.osaka mei.lin jiho_kr anya.v lars_dk ingrid.no kwame.accra amara_ng thabo.jhb tunde_lagos`;

const handles = (text: string) => text.split(/\s+/);

/** Everybody who may come. Handles of the demo are Latin letters; who has an Arabic name writes Arabic. */
export const PEOPLE: readonly Person[] = [
  ...handles(WRITING_ARABIC).map((handle): Person => ({ handle, language: 'ar' })),
  ...handles(WRITING_ENGLISH).map((handle): Person => ({ handle, language: 'en' })),
];
