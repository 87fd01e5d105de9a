#include "engine/text/stop_words.h"

namespace omendb::text {
namespace {

// Short on purpose: words such as "after", "most" or "who" tell something in a short query, and BM25 weighs a frequent
// word little anyway.
constexpr std::string_view kEnglish =
    "a an the this that these those "
    "i me my we our ours you your yours he him his she her hers it its they them their theirs "
    "and or but if then than so nor as "
    "of in on at by for from to into with about "
    "am is are was were be been being do does did have has had having will would shall should "
    "there here such which what "
    "not no don't doesn't didn't isn't aren't wasn't weren't won't haven't hasn't "
    "i'm i've i'll you're you've we're we've they're they've ";

constexpr std::string_view kGerman =
    "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner keines "
    "ich mich mir du dich dir er ihn ihm sie ihr ihnen es wir uns euch man sich "
    "mein meine meinen meinem meiner meines dein deine deinen deinem deiner deines sein seine seinen seinem seiner "
    "seines "
    "ihre ihren ihrem ihrer ihres unser unsere unseren unserem unserer unseres euer eure euren eurem eurer eures "
    "dies diese diesen diesem dieser dieses jene jenen jenem jener jenes welche welchen welchem welcher welches "
    "jede jeden jedem jeder jedes alle allem allen aller alles "
    "und oder aber denn weil dass daß ob wenn als wie damit sondern doch sowie so da dann also "
    "in im ins an am ans auf aus bei beim bis durch für gegen hinter mit nach neben ohne seit über um unter "
    "von vom vor während wegen zu zum zur zwischen "
    "bin bist ist sind seid war waren warst gewesen habe hast hat haben habt hatte hatten "
    "werde wirst wird werden werdet wurde wurden worden würde würden "
    "kann können konnte konnten muss müssen musste mussten soll sollen sollte sollten will wollen wollte wollten "
    "darf dürfen mag mögen "
    "nicht nichts nur noch schon auch sehr hier dort was wer wo ";

constexpr std::string_view kFrench =
    "le la les l un une des du de d au aux ce cet cette ces "
    "je j me m moi tu te t toi il elle on nous vous ils elles lui leur leurs se s soi en y eux "
    "mon ma mes ton ta tes son sa ses notre nos votre vos "
    "qui que qu quoi dont où quel quelle quels quelles "
    "et ou mais donc or ni car si comme lorsque quand puisque "
    "à dans par pour sur avec sans sous vers chez entre "
    "suis es est sommes êtes sont étais était étions étiez étaient étant fut furent sera seront serait seraient soit "
    "soient "
    "ai as a avons avez ont avais avait avions aviez avaient eu ayant eut aura auront aurait auraient ait aient "
    "ne n pas non plus c ça cela ceci celui celle ceux celles même mêmes aussi ";

constexpr std::string_view kSpanish =
    "el la los las lo un una unos unas al del "
    "yo me mí tú te ti él ella ello nos nosotros vosotros os ellos ellas se le les usted ustedes "
    "mi mis tu tus su sus nuestro nuestra nuestros nuestras vuestro vuestra vuestros vuestras suyo suya suyos suyas "
    "este esta esto estos estas ese esa eso esos esas aquel aquella aquello aquellos aquellas "
    "que qué quien quién quienes cual cuál cuales donde dónde cuando cuándo como cómo cuyo cuya "
    "y e o u pero sino si porque pues aunque "
    "a ante bajo con contra de desde durante en entre hacia hasta para por según sin sobre tras "
    "soy eres es somos sois son era eras éramos eran fui fue fueron sido siendo ser será serán sería serían sea sean "
    "estoy está estás están estaba estaban estado estar "
    "he has ha hemos han había habían haber hay haya hubo "
    "no ni ya más muy también ";

constexpr std::string_view kItalian =
    "il lo la i gli le l un uno una "
    "di a da in con su per tra fra "
    "del dello della dell dei degli delle al allo alla all ai agli alle dal dallo dalla dall dai dagli dalle "
    "nel nello nella nell nei negli nelle sul sullo sulla sull sui sugli sulle col coi "
    "io mi me tu ti te egli lui lei ella esso essa noi ci voi vi essi esse loro si sé ne "
    "mio mia miei mie tuo tua tuoi tue suo sua suoi sue nostro nostra nostri nostre vostro vostra vostri vostre "
    "questo questa questi queste quello quella quelli quelle quel quei "
    "che chi cui quale quali dove come quando "
    "e ed o od ma se perché anche né dunque però "
    "sono sei è siamo siete era erano ero fu furono stato stata stati state essere sarà saranno sarebbe sia siano "
    "ho hai ha abbiamo avete hanno aveva avevano avevo avuto avere avrà avranno abbia abbiano "
    "non più ";

constexpr std::string_view kPortuguese =
    "o a os as um uma uns umas "
    "de do da dos das em no na nos nas num numa por pelo pela pelos pelas ao à aos às para com sem sob sobre até entre "
    "desde "
    "eu me mim tu te ti ele ela nós vós eles elas lhe lhes se si você vocês "
    "meu minha meus minhas teu tua teus tuas seu sua seus suas nosso nossa nossos nossas dele dela deles delas "
    "este esta estes estas isto esse essa esses essas isso aquele aquela aqueles aquelas aquilo "
    "que quem qual quais onde quando como cujo cuja "
    "e ou mas se porque pois nem também já "
    "sou és é somos são era eram fui foi foram sido ser será serão seria seriam seja sejam sendo "
    "estou está estamos estão estava estavam estar esteve "
    "tenho tem temos têm tinha tinham ter teve tido há havia haver "
    "não mais muito ";

constexpr std::string_view kDutch =
    "de het een t n "
    "ik mij me mijn jij je jou jouw u uw hij hem zijn zij ze haar het wij we ons onze jullie hun hen zich "
    "dit dat deze die wie wat welke waar er hier daar "
    "en of maar want als dan dus omdat ook toch nog al om "
    "in op aan van voor met bij door over naar uit te ten ter tot onder tegen tussen zonder na "
    "ben bent is was waren geweest zijn heb hebt heeft hebben had hadden gehad "
    "word wordt worden werd werden geworden zal zult zullen zou zouden kan kunnen kon konden moet moeten mag "
    "niet geen niets nu ";

constexpr std::string_view kSwedish =
    "en ett den det de dem "
    "jag mig min mitt mina du dig din ditt dina han honom hans hon henne hennes vi oss vår vårt våra ni er ert era "
    "deras sig sin sitt sina man denna detta dessa "
    "som vad vem vilken vilket vilka där här när hur "
    "och eller men att om så än då därför också eftersom "
    "i på av för till från med utan över under vid mellan genom efter hos ur "
    "är var varit vara blir bli blev blivit har ha hade haft "
    "ska skall skulle kan kunde vill ville måste får "
    "inte ej icke ingen inget inga ";

constexpr std::string_view kNorwegian =
    "en ei et den det de dem "
    "jeg meg min mitt mine mi du deg din ditt dine di han ham hans hun henne hennes vi oss vår vårt våre dere deres "
    "seg sin sitt sine man denne dette disse "
    "eg ho me dykk dei deira ein eit "
    "som hva hvem hvilken hvilket hvilke hvor når hvordan kva kven korleis der her "
    "og eller men at å om så enn da fordi også "
    "i på av for til fra frå med uten over under ved mellom gjennom etter hos ut "
    "er var vært være blir bli ble blitt har ha hadde hatt vart "
    "skal skulle kan kunne vil ville må måtte får "
    "ikke ikkje ingen intet inga ";

constexpr std::string_view kDanish =
    "en et den det de dem "
    "jeg mig min mit mine du dig din dit dine han ham hans hun hende hendes vi os vor vores jer jeres deres "
    "sig sin sit sine man denne dette disse "
    "som der hvad hvem hvilken hvilket hvilke hvor når hvordan her "
    "og eller men at om så end da fordi også "
    "i på af for til fra med uden over under ved mellem gennem efter hos ud "
    "er var været være bliver blive blev blevet har have havde haft "
    "skal skulle kan kunne vil ville må måtte "
    "ikke ej ingen intet ";

constexpr std::string_view kFinnish =
    "minä minun minua minut minulla minulle sinä sinun sinua sinut hän hänen häntä hänet hänellä hänelle "
    "me meidän meitä meille te teidän teitä he heidän heitä heille "
    "se sen sitä siinä siitä siihen sillä sille ne niiden niitä niissä niistä niihin niillä niille "
    "tämä tämän tätä tässä tästä tähän tällä nämä näiden näitä näissä "
    "tuo tuon tuota nuo noiden noita "
    "joka jonka jota jossa josta johon jolla jolle jotka joiden joita joissa joista joihin joilla joille "
    "mikä minkä mitä missä mistä mihin mitkä kuka kenen ketä "
    "ja tai vai mutta että jos kun kuin koska vaikka sekä eli myös niin "
    "olen olet on olemme olette ovat oli olin olivat ollut olleet olla ole olisi olisivat "
    "en et ei emme ette eivät ";

constexpr std::string_view kRussian =
    "и а но или да же ли бы б что чтобы как если то так когда где хотя потому "
    "я меня мне мной ты тебя тебе тобой он его него ему нему им ним нём она её неё ей ней оно "
    "мы нас нам нами вы вас вам вами они их них ими ними себя себе собой "
    "мой моя моё мои моего моей моих твой твоя твоё твои наш наша наше наши ваш ваша ваше ваши свой своя своё свои "
    "своего своей своих "
    "этот эта это эти этого этой этому этом этих этим тот та те того той тому том тех тем "
    "кто кого кому чего чему чем который которая которое которые которого которой которых котором "
    "в во на с со к ко по за из изо от ото до о об обо у при для без над под про через между перед "
    "был была было были быть будет будут есть "
    "не ни нет уже ещё тоже также лишь вот ";

constexpr std::string_view kHungarian =
    "a az egy ez ezek azok ezt azt ennek annak ebben abban erre arra ettől attól "
    "én engem nekem te téged neked ő őt neki mi minket nekünk ti titeket nektek ők őket nekik maga magát "
    "aki akik akit ami amit amik amely amelyek amelyet ki mit hol ahol mikor amikor hogy hogyan "
    "és s is vagy de hanem ha mert mint pedig sem se akkor így úgy tehát bár csak már még "
    "vagyok vagy van vagyunk vannak volt voltam voltak lesz lesznek lenne lett legyen lenni "
    "nem ne nincs nincsenek sincs "
    "által alatt között mellett nélkül szerint számára után előtt felé ellen iránt miatt ";

constexpr std::string_view kRomanian =
    "un o unui unei unor niște "
    "al a ai ale cel cea cei cele celui celei celor "
    "eu mă mie îmi tu te ție îți el ea îl îi lui ei noi ne nouă voi vă vouă ele lor le se își sine "
    "meu mea mei mele tău ta tăi tale său sa săi sale nostru noastră noștri noastre vostru voastră voștri voastre "
    "acest această acești aceste acestui acestei acestor acel acea acele acelui acelei acelor asta ăsta "
    "care cărui cărei căror cine ce când unde cum "
    "și sau dar ci iar ori că dacă să deci pentru deoarece fiindcă "
    "în din de la pe cu fără prin spre sub peste despre între până după către "
    "sunt sînt ești este e suntem sunteți era erau fost fi fie fiind "
    "am ai are avem aveți au avea aveau avut "
    "voi vei va vom veți vor aș ar "
    "nu nici mai și ";

constexpr std::string_view kTurkish =
    "bir bu şu o bunlar şunlar onlar bunu şunu onu bunun şunun onun buna şuna ona bunda onda bundan ondan "
    "ben beni bana benim bende benden sen seni sana senin biz bizi bize bizim siz sizi size sizin onları onlara "
    "onların "
    "kendi kendisi "
    "ve veya ya da de ile ama fakat ancak ki eğer çünkü hem ise için gibi kadar göre "
    "mi mı mu mü miyim mıyım "
    "ne kim nasıl niçin neden hangi nerede "
    "her hiç çok daha en şey "
    "değil var yok idi imiş olan olarak oldu olduğu olur olsa olup ";

constexpr std::string_view kArabic =
    "في من إلى الى على عن مع حتى منذ بين عند لدى "
    "و ف ب ل ك أو او أم ام ثم لكن بل إن أن ان إذا اذا لو كي "
    "هذا هذه ذلك تلك هؤلاء أولئك هنا هناك "
    "الذي التي الذين اللذان اللتان اللواتي ما ماذا متى أين كيف "
    "أنا انا نحن أنت انت أنتم هو هي هما هم هن "
    "له لها لهم به بها بهم فيه فيها فيهم منه منها منهم عنه عنها عليه عليها عليهم إليه إليها "
    "كان كانت كانوا يكون تكون كنت قد سوف "
    "لا لم لن ليس ليست غير إلا الا ";

struct List {
  std::string_view language;
  std::string_view words;
};
constexpr List kLists[] = {
    {"arabic", kArabic},     {"danish", kDanish},       {"dutch", kDutch},     {"english", kEnglish},
    {"finnish", kFinnish},   {"french", kFrench},       {"german", kGerman},   {"hungarian", kHungarian},
    {"italian", kItalian},   {"norwegian", kNorwegian}, {"porter", kEnglish},  {"portuguese", kPortuguese},
    {"romanian", kRomanian}, {"russian", kRussian},     {"spanish", kSpanish}, {"swedish", kSwedish},
    {"turkish", kTurkish},
};

}  // namespace

std::string_view stop_words(std::string_view language) {
  for (const List& list : kLists) {
    if (list.language == language) return list.words;
  }
  return {};
}

}  // namespace omendb::text
