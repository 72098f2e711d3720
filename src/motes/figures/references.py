"""What the method in words may cite."""

from collections.abc import Sequence

REFERENCES = {
    "Ronneberger et al. 2015": "Ronneberger O, Fischer P, Brox T (2015). U-Net: convolutional networks for "
    "biomedical image segmentation. MICCAI 2015, LNCS 9351, 234–241. doi:10.1007/978-3-319-24574-4_28",
    "Vincent & Soille 1991": "Vincent L, Soille P (1991). Watersheds in digital spaces: an efficient algorithm based "
    "on immersion simulations. IEEE Transactions on Pattern Analysis and Machine Intelligence 13, 583–598. "
    "doi:10.1109/34.87344",
    "Çiçek et al. 2016": "Çiçek Ö, Abdulkadir A, Lienkamp SS, Brox T, Ronneberger O (2016). 3D U-Net: learning "
    "dense volumetric segmentation from sparse annotation. MICCAI 2016, LNCS 9901, 424–432. "
    "doi:10.1007/978-3-319-46723-8_49",
    "Long et al. 2015": "Long J, Shelhamer E, Darrell T (2015). Fully convolutional networks for semantic "
    "segmentation. CVPR 2015, 3431–3440. doi:10.1109/CVPR.2015.7298965",
    "He et al. 2015": "He K, Zhang X, Ren S, Sun J (2015). Delving deep into rectifiers: surpassing "
    "human-level performance on ImageNet classification. ICCV 2015, 1026–1034. doi:10.1109/ICCV.2015.123",
    "He et al. 2016": "He K, Zhang X, Ren S, Sun J (2016). Deep residual learning for image recognition. "
    "CVPR 2016, 770–778. doi:10.1109/CVPR.2016.90",
    "Ioffe & Szegedy 2015": "Ioffe S, Szegedy C (2015). Batch normalization: accelerating deep network "
    "training by reducing internal covariate shift. ICML 2015, PMLR 37, 448–456. arXiv:1502.03167",
    "Ulyanov et al. 2016": "Ulyanov D, Vedaldi A, Lempitsky V (2016). Instance normalization: the missing "
    "ingredient for fast stylization. arXiv:1607.08022",
    "Wu & He 2018": "Wu Y, He K (2018). Group normalization. ECCV 2018, LNCS 11217, 3–19. "
    "doi:10.1007/978-3-030-01261-8_1",
    "Elfwing et al. 2018": "Elfwing S, Uchibe E, Doya K (2018). Sigmoid-weighted linear units for neural network "
    "function approximation in reinforcement learning. Neural Networks 107, 3–11. "
    "doi:10.1016/j.neunet.2017.12.012",
    "Hendrycks & Gimpel 2016": "Hendrycks D, Gimpel K (2016). Gaussian error linear units (GELUs). "
    "arXiv:1606.08415",
    "Tompson et al. 2015": "Tompson J, Goroshin R, Jain A, LeCun Y, Bregler C (2015). Efficient object "
    "localization using convolutional networks. CVPR 2015, 648–656. doi:10.1109/CVPR.2015.7298664",
    "Oktay et al. 2018": "Oktay O, Schlemper J, Le Folgoc L, et al. (2018). Attention U-Net: learning where to "
    "look for the pancreas. MIDL 2018. arXiv:1804.03999",
    "Hu et al. 2018": "Hu J, Shen L, Sun G (2018). Squeeze-and-excitation networks. CVPR 2018, 7132–7141. "
    "doi:10.1109/CVPR.2018.00745",
    "Woo et al. 2018": "Woo S, Park J, Lee JY, Kweon IS (2018). CBAM: convolutional block attention module. "
    "ECCV 2018, LNCS 11211, 3–19. doi:10.1007/978-3-030-01234-2_1",
    "Wang et al. 2020": "Wang Q, Wu B, Zhu P, Li P, Zuo W, Hu Q (2020). ECA-Net: efficient channel attention for "
    "deep convolutional neural networks. CVPR 2020, 11531–11539. doi:10.1109/CVPR42600.2020.01155",
    "Vaswani et al. 2017": "Vaswani A, Shazeer N, Parmar N, et al. (2017). Attention is all you need. "
    "NIPS 2017, 5998–6008. arXiv:1706.03762",
    "Wang et al. 2018": "Wang X, Girshick R, Gupta A, He K (2018). Non-local neural networks. CVPR 2018, "
    "7794–7803. doi:10.1109/CVPR.2018.00813",
    "Lee et al. 2015": "Lee CY, Xie S, Gallagher P, Zhang Z, Tu Z (2015). Deeply-supervised nets. AISTATS 2015, "
    "PMLR 38, 562–570. arXiv:1409.5185",
    "Cardoso et al. 2022": "Cardoso MJ, Li W, Brown R, et al. (2022). MONAI: an open-source framework for deep "
    "learning in healthcare. arXiv:2211.02701",
    "Tan & Le 2019": "Tan M, Le QV (2019). EfficientNet: rethinking model scaling for convolutional neural "
    "networks. ICML 2019, PMLR 97, 6105–6114. arXiv:1905.11946",
    "Zhou et al. 2018": "Zhou Z, Rahman Siddiquee MM, Tajbakhsh N, Liang J (2018). UNet++: a nested U-Net "
    "architecture for medical image segmentation. DLMIA 2018, LNCS 11045, 3–11. "
    "doi:10.1007/978-3-030-00889-5_1",
    "Myronenko 2018": "Myronenko A (2018). 3D MRI brain tumor segmentation using autoencoder regularization. "
    "BrainLes 2018, LNCS 11384, 311–320. arXiv:1810.11654",
    "Hatamizadeh et al. 2022": "Hatamizadeh A, Nath V, Tang Y, Yang D, Roth HR, Xu D (2022). Swin UNETR: Swin "
    "transformers for semantic segmentation of brain tumors in MRI images. BrainLes 2021, LNCS 12962, 272–284. "
    "arXiv:2201.01266",
    "Kerfoot et al. 2019": "Kerfoot E, Clough J, Oksuz I, Lee J, King AP, Schnabel JA (2019). Left-ventricle "
    "quantification using residual U-Net. STACOM 2018, LNCS 11395, 371–380. doi:10.1007/978-3-030-12029-0_40",
    "Lin et al. 2017": "Lin TY, Goyal P, Girshick R, He K, Dollár P (2017). Focal loss for dense object "
    "detection. ICCV 2017, 2999–3007. doi:10.1109/ICCV.2017.324",
    "Milletari et al. 2016": "Milletari F, Navab N, Ahmadi SA (2016). V-Net: fully convolutional neural networks "
    "for volumetric medical image segmentation. 3DV 2016, 565–571. doi:10.1109/3DV.2016.79",
    "Salehi et al. 2017": "Salehi SSM, Erdogmus D, Gholipour A (2017). Tversky loss function for image "
    "segmentation using 3D fully convolutional deep networks. MLMI 2017, LNCS 10541, 379–387. "
    "doi:10.1007/978-3-319-67389-9_44",
    "Abraham & Khan 2019": "Abraham N, Khan NM (2019). A novel focal Tversky loss function with improved "
    "attention U-Net for lesion segmentation. ISBI 2019, 683–687. doi:10.1109/ISBI.2019.8759329",
    "Szegedy et al. 2016": "Szegedy C, Vanhoucke V, Ioffe S, Shlens J, Wojna Z (2016). Rethinking the Inception "
    "architecture for computer vision. CVPR 2016, 2818–2826. doi:10.1109/CVPR.2016.308",
    "Kingma & Ba 2015": "Kingma DP, Ba J (2015). Adam: a method for stochastic optimization. ICLR 2015. "
    "arXiv:1412.6980",
    "Sutskever et al. 2013": "Sutskever I, Martens J, Dahl G, Hinton G (2013). On the importance of "
    "initialization and momentum in deep learning. ICML 2013, PMLR 28, 1139–1147",
    "Loshchilov & Hutter 2017": "Loshchilov I, Hutter F (2017). SGDR: stochastic gradient descent with warm "
    "restarts. ICLR 2017. arXiv:1608.03983",
    "Loshchilov & Hutter 2019": "Loshchilov I, Hutter F (2019). Decoupled weight decay regularization. "
    "ICLR 2019. arXiv:1711.05101",
    "Smith & Topin 2018": "Smith LN, Topin N (2018). Super-convergence: very fast training of neural networks "
    "using large learning rates. arXiv:1708.07120",
    "Simard et al. 2003": "Simard PY, Steinkraus D, Platt JC (2003). Best practices for convolutional neural "
    "networks applied to visual document analysis. ICDAR 2003, 958–963. doi:10.1109/ICDAR.2003.1227801",
    "Zhang et al. 2018": "Zhang H, Cisse M, Dauphin YN, Lopez-Paz D (2018). mixup: beyond empirical risk "
    "minimization. ICLR 2018. arXiv:1710.09412",
    "Yun et al. 2019": "Yun S, Han D, Oh SJ, Chun S, Choe J, Yoo Y (2019). CutMix: regularization strategy to "
    "train strong classifiers with localizable features. ICCV 2019, 6022–6031. doi:10.1109/ICCV.2019.00612",
    "DeVries & Taylor 2017": "DeVries T, Taylor GW (2017). Improved regularization of convolutional neural "
    "networks with cutout. arXiv:1708.04552",
    "Wilcoxon 1945": "Wilcoxon F (1945). Individual comparisons by ranking methods. Biometrics Bulletin 1(6), "
    "80–83. doi:10.2307/3001968",
    "Satterthwaite 1946": "Satterthwaite FE (1946). An approximate distribution of estimates of variance "
    "components. Biometrics Bulletin 2(6), 110–114. doi:10.2307/3002019",
    "Holm 1979": "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal "
    "of Statistics 6(2), 65–70",
    "Davison & Hinkley 1997": "Davison AC, Hinkley DV (1997). Bootstrap methods and their application. Cambridge "
    "University Press. doi:10.1017/CBO9780511802843",
}


def cited(paragraphs: Sequence[str]) -> list[str]:
    """The entries of REFERENCES that the paragraphs cite."""
    text = " ".join(paragraphs)
    return [entry for key, entry in REFERENCES.items() if key in text]
